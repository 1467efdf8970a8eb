"""A reader of pickles that runs none of their calls: a closed list of steps over a closed list of values.

    content = read_pickle(file, size)

Python's own unpickler takes memory and time that the file chooses: for lengths that it states, for places in its memo,
for nested keys. Here lengths are compared with the bytes that are left, keys are texts or numbers, steps are counted.
"""

from __future__ import annotations

import codecs
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from metrichmsr_ros.io.pickled_arrays import ChumpyArray, NotAPickleError, PlainDtype, SparseArray, fill_array
from metrichmsr_ros.io.pickled_names import Named, dict_of, made_set, named, pairs_as_dict

_MOST_STEPS = 500_000  # the files of SMPL and of the data sets have at most some thousand
_LONGEST_NUMBER = 100  # characters or bytes
_LONGEST_TEXT = 2**30  # bytes of one array
_DEEPEST = 40
_SMALLEST_LIMIT = 2**24  # bytes that a pickle may unfold to, however small it is
_MOST_UNFOLDED = 16  # times its own size; a number of one byte becomes eight


def read_pickle(file: BinaryIO, size: int) -> Any:
    """The object in a pickle of `size` bytes.

    Raises:
        RefusedPickleError: it names a class or function that is not allowed.
        NotAPickleError: it is damaged or contradicts itself, or would take more memory than such a file should.
        Exception: what parsing numbers and texts raises; the caller converts it.
    """
    content = _Machine(_Bytes(file, size)).run()
    most = max(_SMALLEST_LIMIT, _MOST_UNFOLDED * size)
    if _unfolded(content, {}, 0) > most:
        raise NotAPickleError(f"it would unfold to more than {most >> 20} MiB")
    return content


class _Bytes:
    """The file, which states no length beyond its end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, count: int) -> bytes:
        """`count` bytes, or all that are left of a shorter file."""
        if count > self._left or count > _LONGEST_TEXT:
            raise NotAPickleError(f"it states {count} bytes where {self._left} are left")
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        """A line, with its end."""
        line = self._file.readline(min(self._left, _LONGEST_TEXT))
        self._left -= len(line)
        return line


class _Machine:
    """The stack of a pickle; a mark is a list of its own on `marks`."""

    def __init__(self, file: _Bytes) -> None:
        self._file = file
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The object that the pickle leaves."""
        for _ in range(_MOST_STEPS):
            code = self._file.read(1).decode("latin1")
            step = _BY_CODE.get(code)
            if step is None:
                raise NotAPickleError(f"{code!r} is no step of a pickle")
            if step.name == "STOP":
                return self._stack.pop()
            self._do(step)
        raise NotAPickleError(f"it has more than {_MOST_STEPS} steps")

    def _do(self, step: pickletools.OpcodeInfo) -> None:
        if step.name in _CONSTANTS:
            self._stack.append(_CONSTANTS[step.name]())
        elif step.name in _PUSHED:
            self._stack.append(self._argument(step))
        elif step.name in _STEPS:
            _STEPS[step.name](self, self._argument(step))
        elif step.name not in ("PROTO", "FRAME"):
            raise NotAPickleError(f"it has the step {step.name}, which arrays do not need")
        else:
            self._argument(step)

    def _argument(self, step: pickletools.OpcodeInfo) -> Any:
        if step.name in _TEXTS:
            return _TEXTS[step.name](self._file.readline())
        return None if step.arg is None else step.arg.reader(self._file)  # type: ignore[arg-type]

    def duplicate(self, _: object) -> None:
        self._stack.append(self._stack[-1])

    def mark(self, _: object) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _to_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def pop(self, _: object) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def pop_mark(self, _: object) -> None:
        self._to_mark()

    def put(self, place: int | None) -> None:
        if place is not None and not 0 <= place <= _MOST_STEPS:
            raise NotAPickleError(f"the number {place} for a value, where few are kept")
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    def last(self, count: int) -> list[Any]:
        """Take `count` values from the stack."""
        if len(self._stack) < count:
            raise NotAPickleError("values are missing")
        items = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return items

    def push_marked(self, make: Callable[[list[Any]], Any]) -> None:
        items = self._to_mark()
        self._stack.append(make(items))

    def push_last(self, count: int) -> None:
        items = self.last(count)
        self._stack.append(tuple(items))

    def add_marked(self, _: object) -> None:
        self.add(self._to_mark())

    def add(self, items: list[Any]) -> None:
        """Add values to the list, dictionary (keys and values, which alternate) or set on the stack."""
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, dict):
            pairs_as_dict(target, items)
        elif isinstance(target, set):
            target.update(made_set(items))
        else:
            raise NotAPickleError(f"values added to a {type(target).__name__}")

    def name(self, pair: str | None) -> None:
        if pair is None:
            name, module = self._stack.pop(), self._stack.pop()
        else:
            module, _, name = pair.partition(" ")
        if not isinstance(module, str) or not isinstance(name, str):  # the text of nested tuples has no end
            raise NotAPickleError("a name that is no text")
        self._stack.append(named(module[:100], name[:100]))

    def call(self, _: object) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise NotAPickleError("a call of something that is no function")
        self._stack.append(function.call(*arguments))

    def new(self, _: object) -> None:
        arguments, kind = self._stack.pop(), self._stack.pop()
        if not isinstance(kind, Named) or not kind.is_class or arguments != ():
            raise NotAPickleError("an instance of something else than a chumpy or SciPy array")
        self._stack.append(kind.call())

    def build(self, _: object) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, np.ndarray):
            fill_array(target, state)
        elif isinstance(target, (PlainDtype, ChumpyArray, SparseArray)):
            target.set_state(state)
        else:
            raise NotAPickleError(f"a state for a {type(target).__name__}, which has none")


def _integer(line: bytes) -> int:
    """Number of a line; Python 2 and 3 write True as 01, and 2 puts an L behind long ones."""
    if len(line) > _LONGEST_NUMBER:
        raise NotAPickleError(f"a number of {len(line)} digits")
    text = line.strip()
    return text == b"01" if text in (b"00", b"01") else int(text.rstrip(b"L") or b"0")


def _quoted(line: bytes) -> str:
    text = line.rstrip(b"\n")
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise NotAPickleError("a text without quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin1")


def _unfolded(value: Any, known: dict[int, int], depth: int) -> int:
    """Bytes of a value where every part counts as often as it is named: what an array made of it would take."""
    if depth > _DEEPEST:
        raise NotAPickleError(f"it is nested more than {_DEEPEST} times, or contains itself")
    if isinstance(value, (str, bytes, bytearray)):
        return len(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return int(value.nbytes)
    if id(value) not in known:
        parts = _parts(value)
        known[id(value)] = 8 + sum(8 + _unfolded(part, known, depth + 1) for part in parts)
    return known[id(value)]


def _parts(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return value.reshape(-1).tolist()
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (ChumpyArray, SparseArray)):
        return [value.state]
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else []


def _float(line: bytes) -> float:
    if len(line) > _LONGEST_NUMBER:
        raise NotAPickleError(f"a number of {len(line)} characters")
    return float(line)


_BY_CODE = {step.code: step for step in pickletools.opcodes}
_TEXTS: Mapping[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("INT", "LONG", "PUT", "GET"), _integer),
    **{"FLOAT": _float, "STRING": _quoted},
}
_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    **{"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False},
    **{"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set},
}
_PUSHED = {
    *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
}
_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    **{"MARK": _Machine.mark, "POP": _Machine.pop, "POP_MARK": _Machine.pop_mark, "DUP": _Machine.duplicate},
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "TUPLE": lambda machine, _: machine.push_marked(tuple),
    "LIST": lambda machine, _: machine.push_marked(list),
    "DICT": lambda machine, _: machine.push_marked(dict_of),
    "FROZENSET": lambda machine, _: machine.push_marked(lambda items: frozenset(made_set(items))),
    "TUPLE1": lambda machine, _: machine.push_last(1),
    "TUPLE2": lambda machine, _: machine.push_last(2),
    "TUPLE3": lambda machine, _: machine.push_last(3),
    "APPEND": lambda machine, _: machine.add(machine.last(1)),
    "SETITEM": lambda machine, _: machine.add(machine.last(2)),
    **dict.fromkeys(("APPENDS", "SETITEMS", "ADDITEMS"), _Machine.add_marked),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    **{"REDUCE": _Machine.call, "NEWOBJ": _Machine.new, "BUILD": _Machine.build},
}
