"""py-routine: select() as its README spells it, and the prepared Select, from a thread."""

from functools import partial

from pyroutine import Chan, Select, recv_case, select

import drive_select


def thread(n: int) -> float:
    a, b = Chan[int](1), Chan[int](1)
    take = partial(select, recv_case(a), recv_case(b))
    return drive_select.select_and_refill([a.send, b.send], take, n)


def thread_prepared(n: int) -> float:
    a, b = Chan[int](1), Chan[int](1)
    take = Select(recv_case(a), recv_case(b)).wait
    return drive_select.select_and_refill([a.send, b.send], take, n)
