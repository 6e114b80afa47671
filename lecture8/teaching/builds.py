"""Tasks whose answer carries the rest of the lesson."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch

from lecture8.teaching.exercises import Exercise
from lecture8.teaching.same_network import take_weights
from lecture8.words import say


@dataclass(frozen=True, repr=False)
class Build(Exercise):
    """A function or class that the lesson uses once it is right: `Block = ask.builds["block"].use(Block)`.

    input_shape: of networks: their arguments -> the shape of an input. They then start with the solution's weights.
    """

    input_shape: Callable | None = None

    def use(self, answer: Callable) -> Callable:
        """The student's answer if it is correct, else the solution; prints one line that says which, and why."""
        with torch.random.fork_rng(devices=[]):  # no later number depends on what was checked
            verdict = self.check(answer)
        name = self.solution.__name__
        mine, ours = f"This lesson uses your {name} from here on.", f"This lesson uses its own {name} from here on."
        print(verdict, say(mine if verdict else ours))
        if verdict and self.input_shape:
            return self._starting_alike(answer)
        return answer if verdict else self.solution

    def _starting_alike(self, mine: Callable) -> Callable:
        """`mine`, whose networks start with the weights of the solution's; a class only gets another `__init__`."""
        is_class = isinstance(mine, type)
        build = inspect.unwrap(mine.__init__ if is_class else mine)  # the cell may be run again

        @functools.wraps(build)
        def start(*args, **kwargs):
            own = args[is_class:]  # without self
            reference = self.solution(*own, **kwargs)
            with torch.random.fork_rng(devices=[]):  # what comes next is drawn as after the solution
                made = build(*args, **kwargs)
            if not is_class or type(args[0]) is mine:
                take_weights(args[0] if is_class else made, reference, self.input_shape(*own, **kwargs))
            return made

        if is_class:
            mine.__init__ = start
        return mine if is_class else start
