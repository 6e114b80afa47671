"""One folder for each lesson: its notebook's source, questions, pictures, explorers, experiments, tables, plan."""
