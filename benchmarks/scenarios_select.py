"""The scenarios of select: with one arm ready, with none, and from a thread."""

from contest import SUBJECT, Contestant, Reach, Scenario, on

GO = "Go, one P"
RECV = "its own recv"


def _gochan(function: str, name: str = SUBJECT) -> Contestant:
    return Contestant(name, f"gochan_select:{function}", ("gochan",))


def _asyncio(function: str) -> Contestant:
    return on("asyncio", Contestant("asyncio.wait, getters kept", f"std_select:{function}"))[0]


def _aiochan(function: str) -> Contestant:
    return on("asyncio", Contestant("aiochan", f"aiochan_select:{function}", ("aiochan",)))[0]


def _pygolang(function: str) -> Contestant:
    return Contestant("pygolang", f"pygolang_select:{function}", ("golang",))


def _go(function: str) -> Contestant:
    return Contestant(GO, f"golang:{function}", ("go",))


def _ready(arms: int, reach: float) -> Scenario:
    return Scenario(
        f"select-ready-{arms}",
        f"send + select over {arms} channels of which one is ready, goroutine",
        "a send and a select",
        (
            _gochan(f"ready_{arms}"),
            _gochan("ready_recv", RECV),
            _asyncio(f"ready_{arms}"),
            _aiochan(f"ready_{arms}"),
            _pygolang(f"ready_{arms}"),
            _go(f"select_ready_{arms}"),
        ),
        (Reach(GO, reach),),
    )


def _parked(arms: int, reach: float) -> Scenario:
    return Scenario(
        f"select-parked-{arms}",
        f"select that waits over {arms} unbuffered channels, two goroutines",
        "a value",
        (
            _gochan(f"parked_{arms}"),
            _gochan("parked_recv", RECV),
            _asyncio(f"parked_{arms}"),
            _aiochan(f"parked_{arms}"),
            _pygolang(f"parked_{arms}"),
            _go(f"select_parked_{arms}"),
        ),
        (Reach(GO, reach),),
    )


SELECTS: tuple[Scenario, ...] = (
    _ready(2, 3.0),
    _ready(16, 1.5),
    _parked(2, 2.5),
    _parked(16, 2.0),
    Scenario(
        "select-thread",
        "select over 2 channels that are both ready + send, one thread",
        "a select and a send",
        (
            _gochan("thread"),
            _gochan("thread_recv", RECV),
            Contestant("py-routine select()", "pyroutine_select:thread", ("pyroutine",)),
            Contestant("py-routine Select", "pyroutine_select:thread_prepared", ("pyroutine",)),
            _pygolang("thread"),
        ),
        (Reach(RECV, 4.0),),
    ),
)
