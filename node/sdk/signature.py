"""Reads a model's interface from its function's annotations. Errors show the author what is missing or wrong."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypeVar, get_args, get_origin

from node.sdk.checks import checked_setting
from node.sdk.interface import INTEGER, JSON, NUMBER, TEXT, TRUTH, Column, Interface, Setting, Table
from node.sdk.marks import Crs, Decimals, Grain, Kind, Range, Schema, Step, Unit
from node.sdk.troubles import BadAnnotation, BadInput

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK: Final = "__hansa_model__"
_PLAIN: Final[Mapping[Any, str]] = {float: NUMBER, int: INTEGER, str: TEXT, bool: TRUTH}
_ROLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_VERSION: Final = re.compile(r"\d+(\.\d+){1,3}([-+.][0-9A-Za-z.+-]+)?")


def model(
    *, version: str, output: str = "result", title: str = "", deterministic: bool = True
) -> Callable[[Function], Function]:
    """Make a function a model. ``output`` is the role of the rows that it returns, if it returns one list.

    ``deterministic`` states that the same inputs give the same answer: no randomness without a seed, no clock.
    """
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise BadAnnotation(f"{version!r} is no version of a model", remedy='write @model(version="1.0.0")')

    def mark(function: Function) -> Function:
        declared = {"version": version, "output": output, "title": title, "deterministic": deterministic}
        setattr(function, _MARK, declared)
        return function

    return mark


def find_model(module: types.ModuleType) -> Callable[..., Any]:
    """Return the function of ``module`` marked as a model. Raises ``BadAnnotation`` if there are none or several."""
    functions = {
        id(member): member
        for member in vars(module).values()
        if inspect.isfunction(member) and hasattr(member, _MARK)
    }
    if not functions:
        raise BadAnnotation(
            "no function is marked as the model", remedy='write @model(version="1.0.0") above the function'
        )
    if len(functions) > 1:
        names = ", ".join(sorted(function.__name__ for function in functions.values()))
        raise BadAnnotation(f"several functions are marked as the model: {names}", remedy="one file, one model")
    return next(iter(functions.values()))


def describe(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the interface of ``function`` as JSON. Raises ``BadAnnotation`` that names missing annotations."""
    return interface_of(function).to_json()


def interface_of(function: Callable[..., Any]) -> Interface:
    """As ``describe``, but return values."""
    interface = getattr(function, _MARK, None)
    if interface is None:
        raise BadAnnotation(
            f"{function.__name__} is not marked as a model", remedy='write @model(version="1.0.0") above it'
        )
    hints = _hints(function, function.__name__)
    inputs: dict[str, Table] = {}
    settings: dict[str, Setting] = {}
    for name, argument in inspect.signature(function).parameters.items():
        if argument.kind not in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY):
            raise BadAnnotation(f"argument {name} takes any number of values", remedy="name each input and parameter")
        if name not in hints:
            raise BadAnnotation(
                f"argument {name} has no annotation",
                remedy="annotate an input as list[SomeTypedDict], a parameter as Annotated[float, Unit(…)]",
            )
        row = _row_type(hints[name])
        if row is None:
            settings[name] = _setting(name, hints[name], argument.default)
        else:
            table = _table(_role(name), row, hints[name], "input")
            inputs[name] = replace(table, required=argument.default is argument.empty)
    if not inputs and not settings:
        raise BadAnnotation(
            f"{function.__name__} takes nothing", remedy="give it an argument annotated list[SomeTypedDict]"
        )
    outputs, single = _outputs(hints.get("return"), interface["output"], function.__name__)
    text = inspect.getdoc(function) or ""
    return Interface(
        name=function.__name__,
        version=interface["version"],
        title=interface["title"],
        description=" ".join(text.partition("\n\n")[0].split()),
        deterministic=interface["deterministic"],
        inputs=inputs,
        outputs=outputs,
        parameters=settings,
        single=single,
    )


def _hints(thing: Any, name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise BadAnnotation(f"an annotation of {name} cannot be read: {error}") from error


def _outputs(hint: Any, role: str, name: str) -> tuple[dict[str, Table], bool]:
    if hint is None:
        raise BadAnnotation(
            f"{name} does not say what it returns", remedy="write -> list[SomeTypedDict] behind its arguments"
        )
    row = _row_type(hint)
    if row is not None:
        return {role: _table(_role(role), row, hint, "output")}, True
    if not typing.is_typeddict(hint):
        raise BadAnnotation(
            f"{name} returns what is neither rows nor a map of rows",
            remedy="return list[SomeTypedDict], or a TypedDict whose members are such lists",
        )
    tables = {}
    for each, inner in _hints(hint, hint.__name__).items():
        row = _row_type(inner)
        if row is None:
            raise BadAnnotation(f"output {each} is not a list of rows", remedy="annotate it as list[SomeTypedDict]")
        tables[each] = replace(_table(_role(each), row, inner, "output"), required=_is_required(hint, each, inner))
    if not tables:
        raise BadAnnotation(f"{name} returns a map without members", remedy="name its outputs")
    return tables, False


def _is_required(row: Any, name: str, hint: Any) -> bool:
    # ``__required_keys__`` misses the marks in annotations that were text, so these are checked first.
    origin = get_origin(hint)
    if origin in (NotRequired, Required):
        return bool(origin is Required)
    return name in row.__required_keys__


def _role(name: str) -> str:
    if not _ROLE.fullmatch(name):
        raise BadAnnotation(f"{name!r} cannot be a role", remedy="letters, digits and underscores, a letter first")
    return name


def _row_type(hint: Any) -> Any:
    """Return the TypedDict of ``list[TypedDict]``, bare or annotated or optional; None for anything else."""
    bare, _, _ = _parts(hint)
    if get_origin(bare) is not list:
        return None
    inner, _, _ = _parts(get_args(bare)[0])
    return inner if typing.is_typeddict(inner) else None


def _parts(hint: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """Return the annotated type, its marks, and whether it may be None."""
    marks: tuple[Any, ...] = ()
    empty = False
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            marks = (*hint.__metadata__, *marks)
            hint = hint.__origin__
        elif origin in (NotRequired, Required):
            hint = get_args(hint)[0]
        elif origin in (types.UnionType, typing.Union):
            others = [get_arg for get_arg in get_args(hint) if get_arg is not types.NoneType]
            if len(others) != 1 or len(others) == len(get_args(hint)):
                return hint, marks, empty
            hint, empty = others[0], True
        else:
            return hint, marks, empty


def _table(role: str, row: Any, hint: Any, what: str) -> Table:
    _, marks, _ = _parts(hint)
    where = f"{what} {role}"
    marks = _known_marks(marks, (Step, Grain, Schema, Crs), where)
    columns = []
    for name, inner in _hints(row, row.__name__).items():
        column = _column(name, inner, f"column {name} of {where}")
        columns.append(replace(column, required=_is_required(row, name, inner)))
    if not columns:
        raise BadAnnotation(f"{where} has no columns", remedy=f"give {row.__name__} members")
    step, grain = _only_mark(marks, Step, where), _only_mark(marks, Grain, where)
    return Table(
        role=role,
        columns=tuple(columns),
        step=step.duration if step else None,
        grain=grain.metres if grain else None,
        schemas=tuple(mark.iri for mark in marks if isinstance(mark, Schema)),
        crs=tuple(mark.code for mark in marks if isinstance(mark, Crs)),
        description=_words(marks),
    )


def _column(name: str, hint: Any, where: str) -> Column:
    bare, marks, empty = _parts(hint)
    type_, values = _type(bare)
    if type_ is None:
        if bare is Any or bare is dict or get_origin(bare) in (dict, list) or typing.is_typeddict(bare):
            return Column(name=name, type=JSON, empty=True, description=_words(_known_marks(marks, (), where)))
        raise BadAnnotation(
            f"{where} is a {getattr(bare, '__name__', bare)}, which no row can hold",
            remedy="use float, int, str, bool, a Literal, or dict for a geometry",
        )
    return Column(name=name, type=type_, values=values, empty=empty, **_read_marks(marks, type_, values, where))


def _setting(name: str, hint: Any, default: Any) -> Setting:
    where = f"parameter {name}"
    bare, marks, empty = _parts(hint)
    many = get_origin(bare) is list
    if many:
        bare, inner, _ = _parts(get_args(bare)[0])
        marks = (*inner, *marks)
    type_, values = _type(bare)
    if type_ is None:
        raise BadAnnotation(
            f"{where} is a {getattr(bare, '__name__', bare)}",
            remedy="an input is a list[SomeTypedDict]; a parameter is a float, int, str, bool or Literal",
        )
    setting = Setting(
        name=_role(name),
        type=type_,
        values=values,
        many=many,
        empty=empty,
        required=default is inspect.Parameter.empty,
        **_read_marks(marks, type_, values, where),
    )
    if setting.required:
        return setting
    try:
        return replace(setting, default=checked_setting(setting, default))
    except BadInput as error:
        raise BadAnnotation(f"the default of {where} does not fit: {error.sentence}") from error


def _type(bare: Any) -> tuple[str | None, tuple[Any, ...]]:
    if get_origin(bare) is Literal:
        values = get_args(bare)
        of = {type(value) for value in values}
        return (_PLAIN.get(of.pop()), values) if len(of) == 1 else (None, ())
    try:
        return _PLAIN.get(bare), ()
    except TypeError:
        return None, ()


def _read_marks(marks: tuple[Any, ...], type_: str, values: tuple[Any, ...], where: str) -> dict[str, Any]:
    """Return the declarations of the marks about a column or parameter."""
    numeric = type_ in (NUMBER, INTEGER)
    _known_marks(marks, (Unit, Range, Decimals, Kind) if numeric else (), where)
    unit, range_, decimals = (_only_mark(marks, mark, where) for mark in (Unit, Range, Decimals))
    kind = _only_mark(marks, Kind, where)
    if numeric and unit is None and not values:
        raise BadAnnotation(
            f"{where} is a number without unit, and will be misread one day",
            remedy='write Annotated[float, Unit("km/h")], or Unit("1") for a factor or a count',
        )
    if decimals is not None and type_ == INTEGER and decimals.count:
        raise BadAnnotation(f"{where} is a whole number with decimals", remedy="make it a float")
    return {
        "unit": unit.code if unit else None,
        "quantity": kind.iri if kind else None,
        "minimum": range_.minimum if range_ else None,
        "maximum": range_.maximum if range_ else None,
        "decimals": decimals.count if decimals else None,
        "description": _words(marks),
    }


def _known_marks(marks: Iterable[Any], types: tuple[type, ...], where: str) -> tuple[Any, ...]:
    marks_in_order = tuple(marks)
    for mark in marks_in_order:
        ours = isinstance(mark, Unit | Range | Decimals | Kind | Step | Grain | Schema | Crs)
        if ours and not isinstance(mark, types):
            raise BadAnnotation(f"{type(mark).__name__} says nothing about {where}", remedy="take it away")
    return marks_in_order


def _only_mark(marks: tuple[Any, ...], kind: type, where: str) -> Any:
    matching = [mark for mark in marks if isinstance(mark, kind)]
    if len(matching) > 1:
        raise BadAnnotation(f"{where} has {len(matching)} marks {kind.__name__}", remedy="leave one")
    return matching[0] if matching else None


def _words(marks: Iterable[Any]) -> str:
    return " ".join(mark.strip() for mark in marks if isinstance(mark, str))
