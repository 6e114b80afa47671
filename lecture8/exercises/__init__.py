"""What each notebook asks: one module per notebook, with its predictions, exercises and quiz.

    from lecture8.exercises import resnet as ask

    ask.predictions["degradation"]     # a `teaching.Prediction`, shown by `explore.predict`
    ask.exercises["shortcut"]          # a `teaching.Exercise`: task, hints, solution; `.check(answer)`
    ask.quiz[0]                        # a `teaching.Question`, shown by `explore.quiz`

Every check is tested with its own solution and with typical wrong answers.
"""
