"""Inner products of a few small integers, as AVX2 computes them four times faster than floats.

One call multiplies `TILE_QUERIES` queries by `TILE_ROWS` rows and says whether any product
passes its limit. numba reaches the instructions by LLVM's names for them.
"""

from typing import Any, Final

import numba
from llvmlite import binding, ir
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

cgutils: Any = _cgutils  # untyped


TILE_QUERIES: Final = 4
#: Rows: two registers of eight.
TILE_ROWS: Final = 16
#: Steps of four dims whose products are summed in 16 bits before they are widened.
SEGMENT: Final = 24

_REGISTERS: Final = TILE_ROWS // 8
_I16, _I32, _I64 = (ir.IntType(bits) for bits in (16, 32, 64))
_BYTES: Final = ir.VectorType(ir.IntType(8), 32)
_SHORTS: Final = ir.VectorType(_I16, 16)
_WORDS: Final = ir.VectorType(_I32, 8)


def has_avx2() -> bool:
    """Say whether this machine has the instructions."""
    return bool(binding.get_host_cpu_features().get("avx2", False))


@intrinsic
def multiply_tile(
    _context: Any,
    rows: Any,
    starts: Any,
    queries: Any,
    offsets: Any,
    limits: Any,
    out: Any,
    stride: Any,
    segments: Any,
) -> Any:
    """Multiply a tile of rows by a few queries.

    Notes
    -----
    Sums wrap at 16 bits: they are right at the end of a segment when the sum itself, its offset
    included, fits, whatever lies between.
    """
    signature = numba.types.boolean(
        *[numba.types.uint64] * 6, numba.types.int64, numba.types.int64
    )
    return signature, _generate


def _generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    rows, starts, queries, offsets, limits, out, stride, segments = args
    sums = _registers(builder, _WORDS)
    short = _registers(builder, _SHORTS)
    for (_, part), register in sums.items():
        builder.store(_load(builder, starts, _int(32 * part), _WORDS), register)
    with cgutils.for_range(builder, segments, intp=_I64) as segment:
        for (query, _), register in short.items():
            place = builder.add(builder.mul(_int(query), segments), segment.index)
            start = _load(builder, offsets, builder.mul(place, _int(4)), _I32)
            builder.store(_spread(builder, start, _SHORTS), register)
        first = builder.mul(segment.index, _int(SEGMENT))
        with cgutils.for_range(builder, _int(SEGMENT), intp=_I64) as step:
            place = builder.add(first, step.index)
            _add_products(builder, short, rows, queries, stride, place)
        _widen(builder, short, sums)
    return _passing(builder, sums, limits, out)


def _registers(builder: Any, kind: Any) -> dict[tuple[int, int], Any]:
    """One for each query and each eight rows; LLVM keeps them in the processor's."""
    return {
        (query, part): cgutils.alloca_once(builder, kind)
        for query in range(TILE_QUERIES)
        for part in range(_REGISTERS)
    }


def _add_products(
    builder: Any, short: Any, rows: Any, queries: Any, stride: Any, place: Any
) -> None:
    multiply = _instruction(builder, "llvm.x86.avx2.pmadd.ub.sw", _SHORTS, _BYTES)
    start = builder.mul(place, _int(32 * _REGISTERS))
    four = [
        _load(builder, rows, builder.add(start, _int(32 * part)), _BYTES)
        for part in range(_REGISTERS)
    ]
    for query in range(TILE_QUERIES):
        at = builder.add(builder.mul(_int(query), stride), builder.mul(place, _int(4)))
        weights = _spread(builder, _load(builder, queries, at, _I32), _BYTES)
        for part in range(_REGISTERS):
            register = short[query, part]
            products = builder.call(multiply, [four[part], weights])
            builder.store(builder.add(builder.load(register), products), register)


def _widen(builder: Any, short: Any, sums: Any) -> None:
    """Add the two 16-bit sums of each row to its 32-bit one."""
    pairs = _instruction(builder, "llvm.x86.avx2.pmadd.wd", _WORDS, _SHORTS)
    ones = ir.Constant(_SHORTS, [1] * 16)
    for key, register in short.items():
        both = builder.call(pairs, [builder.load(register), ones])
        builder.store(builder.add(builder.load(sums[key]), both), sums[key])


def _passing(builder: Any, sums: Any, limits: Any, out: Any) -> Any:
    over = []
    for (query, _), register in sums.items():
        limit = _load(builder, limits, _int(4 * query), _I32)
        limit = _spread(builder, limit, _WORDS)
        over.append(builder.icmp_signed(">", builder.load(register), limit))
    some = over[0]
    for other in over[1:]:
        some = builder.or_(some, other)
    bits = builder.bitcast(some, ir.IntType(8))
    hit = builder.icmp_signed("!=", bits, ir.Constant(bits.type, 0))
    with builder.if_then(hit, likely=False):
        for (query, part), register in sums.items():
            at = builder.add(out, _int(4 * (query * TILE_ROWS + 8 * part)))
            place = builder.inttoptr(at, _WORDS.as_pointer())
            builder.store(builder.load(register), place).align = 1
    return hit


def _int(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    address = builder.inttoptr(builder.add(base, offset), kind.as_pointer())
    value = builder.load(address)
    value.align = 1
    return value


def _spread(builder: Any, word: Any, kind: Any) -> Any:
    """Repeat 32 bits over a register."""
    nothing = ir.Constant(_WORDS, ir.Undefined)
    one = builder.insert_element(nothing, word, ir.Constant(_I32, 0))
    everywhere = ir.Constant(_WORDS, [0] * 8)
    return builder.bitcast(builder.shuffle_vector(one, nothing, everywhere), kind)


def _instruction(builder: Any, name: str, gives: Any, takes: Any) -> Any:
    kind = ir.FunctionType(gives, [takes, takes])
    return cgutils.get_or_insert_function(builder.module, kind, name)
