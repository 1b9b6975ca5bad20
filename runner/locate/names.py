"""Sees what names get, line by line, and puts something else in their place where it is asked to."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from runner.locate.place import Line, Place, is_machinery, is_machinery_file, line_at, place_of
from runner.locate.record import Recorder, memory
from runner.locate.trace import ROOT, Binding, Key, frozen, tensors_of


class Names:
    """Sees names being bound, line by line; `instead` replaces what a name gets."""

    def __init__(self, recorder: Recorder | None, instead: Mapping[Key, Callable[[Tensor], Tensor]]) -> None:
        self.recorder, self.instead = recorder, instead
        self.counts: Counter[tuple[str, int, str, int]] = Counter()
        self.seen: dict[FrameType, dict[str, Any]] = {}
        self.lines: dict[FrameType, tuple[int, int, int]] = {}  # the line that runs, calls and events before
        self.events = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Enter a function; those of the machinery are left alone."""
        if event != "call" or is_machinery(frame.f_code) or frame.f_code is ROOT:
            return None
        frame.f_trace_lines = True
        if self.recorder is not None:
            self.recorder.trace.codes.setdefault(frame.f_code)
        self.seen[frame] = {}
        with torch._C.DisableTorchFunction():
            self._bound(frame, frame.f_back)
        return self._inside

    def _inside(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.events += 1
        if event in ("line", "return"):
            if self.recorder is not None:
                self.recorder.clock.check()
            with torch._C.DisableTorchFunction():
                self._bound(frame, frame)
        if event == "return":
            if self.recorder is not None:
                self._returned(frame, arg)
            if type(arg) is dict:
                with torch._C.DisableTorchFunction():
                    self._given(frame, arg)
        return self._inside

    def _bound(self, frame: FrameType, where: FrameType | None) -> None:
        """Compare what names hold with what they held before."""
        seen = self.seen[frame]
        entered = where is not frame
        values = frame.f_locals  # read once: each look at it undoes what has been put in
        for name, value in list(values.items()):
            if type(value) is dict and self.recorder is not None and not entered:
                self._entered(value, frame)
            if seen.get(name) is value or not isinstance(value, Tensor):
                continue
            seen[name] = value
            code = frame.f_code
            line = code.co_firstlineno if entered else self.lines[frame][0]
            place = (code.co_filename, code.co_firstlineno, name, line)
            key = (*place, self.counts[place])
            self.counts[place] += 1
            if self.recorder is not None:
                self._record(key, name, value, frame, entered)
            if key in self.instead:
                seen[name] = values[name] = self.instead[key](value)
        calls = self.recorder.calls if self.recorder is not None else 0
        self.lines[frame] = (frame.f_lineno, calls, self.events)

    def _entered(self, values: dict[Any, Any], frame: FrameType) -> None:
        """Note the line that puts tensors into a dict."""
        assert self.recorder is not None
        for key, value in values.items():
            if isinstance(value, Tensor) and (id(value), key) not in self.recorder.entries:
                self.recorder.enter(value, key, self._here(frame))

    def _here(self, frame: FrameType) -> Place:
        line = self.lines.get(frame, (frame.f_lineno, 0, 0))[0]
        here = Line(frame.f_code.co_filename, line, line, (0, 10**6), frame.f_code.co_name)
        return (here, *(one for one in place_of(frame.f_back, ROOT) if not is_machinery_file(one)))

    def _record(self, key: Key, name: str, value: Tensor, frame: FrameType, entered: bool) -> None:
        assert self.recorder is not None
        recorder = self.recorder
        recorder.alive.append(value)
        made = recorder.maker.get(id(value))
        if entered:
            place = place_of(frame.f_back, ROOT)
            fresh = not place or (made is not None and recorder.trace.steps[made].place[:1] == place[:1])
        else:
            _, since, begun = self.lines.get(frame, (0, 0, 0))
            place = self._here(frame)
            if (
                (returned := recorder.returns.get(id(value)))
                and returned[1] > begun
                and returned[0] not in place
            ):
                place = (returned[0], *place)
            fresh = made is not None and made >= since
        if made is not None and not entered and name not in recorder.trace.steps[made].named:
            recorder.trace.steps[made].named.append(name)
        if not fresh and place and not is_machinery_file(place[0]):
            kept, where = frozen(value), memory(value)
            binding = Binding(key, name, place, kept, recorder.calls, made, entered, where)
            recorder.trace.bindings.append(binding)

    def _handed_on(self, frame: FrameType, value: Tensor, line: Line) -> None:
        """Record that a function returns what it was given as it is."""
        assert self.recorder is not None
        code, recorder = frame.f_code, self.recorder
        given = (frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount])
        callers = tuple(one for one in place_of(frame.f_back, ROOT) if not is_machinery_file(one))
        if callers and any(argument is value for argument in given):
            key = (code.co_filename, code.co_firstlineno, "return", line.line, len(recorder.trace.bindings))
            made = recorder.maker.get(id(value))
            with torch._C.DisableTorchFunction():
                kept = frozen(value)
            place = (line, *callers)
            where = memory(value)
            recorder.trace.bindings.append(
                Binding(key, "return", place, kept, recorder.calls, made, False, where)
            )

    def _returned(self, frame: FrameType, value: Any) -> None:
        assert self.recorder is not None
        line = line_at(frame.f_code, frame.f_lasti)
        found = tree_flatten(value)[0]
        self.recorder.numbers += [(part, line) for part in found if type(part) in (int, float)]
        if isinstance(value, Tensor):
            self._handed_on(frame, value, line)
        for tensor in tensors_of(value):
            self.recorder.alive.append(tensor)
            self.recorder.returns[id(tensor)] = line, self.events

    def _given(self, frame: FrameType, values: dict[Any, Any]) -> None:
        """See what a function returns under which key, where it stood under none before."""
        code = frame.f_code
        line = line_at(code, frame.f_lasti)
        for name, value in values.items():
            if not isinstance(value, Tensor):
                continue
            place = (code.co_filename, code.co_firstlineno, f"[{name!r}]", line.line)
            key = (*place, self.counts[place])
            self.counts[place] += 1
            if self.recorder is not None:
                self._record_entry(key, name, value, line, frame)
            if key in self.instead:
                values[name] = self.instead[key](value)

    def _record_entry(self, key: Key, name: Any, value: Tensor, line: Line, frame: FrameType) -> None:
        assert self.recorder is not None
        recorder = self.recorder
        if (id(value), name) in recorder.entries:
            return
        place = (line, *(one for one in place_of(frame.f_back, ROOT) if not is_machinery_file(one)))
        recorder.enter(value, name, place)
        made = recorder.maker.get(id(value))
        here = made is not None and recorder.trace.steps[made].place[:1] == place[:1]
        if not here and not is_machinery_file(line):
            text = f"what is given for {name}"
            where = memory(value)
            recorder.trace.bindings.append(
                Binding(key, text, place, frozen(value), recorder.calls, made, False, where)
            )


@contextmanager
def following(names: Names | None) -> Iterator[None]:
    """Follow the names of a run; whoever traced before goes on afterwards."""
    before = sys.gettrace()
    if names is None or before is not None:
        yield
        return
    sys.settrace(names)
    try:
        yield
    finally:
        sys.settrace(before)
