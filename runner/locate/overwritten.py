"""What a derivation is given and writes to: the name by which it does so should be of something new."""

from runner.locate.answer import Answer
from runner.locate.search import Search
from runner.locate.spot import distinct


def of_overwritten(search: Search) -> Answer | None:
    """Tell which line gives a new name to what was given, and is then written to by that name."""
    trace = search.one.trace
    for step in trace.steps.values():
        if step.writes and step.memory in trace.given:
            aliases = [b for b in trace.bindings if b.memory == step.memory and not b.is_argument]
            before = [b for b in aliases if b.time <= step.index and not b.is_entry]
            places = distinct(b.place for b in before)
            if len(places) == 1 and step.place:
                text = f"{before[0].name}, which {step.place[0]} writes to,"
                return Answer(kind="overwrites", places=tuple(places), text=text)
    return None
