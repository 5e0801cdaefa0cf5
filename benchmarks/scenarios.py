"""Every scenario: who takes part in it and what gochan is to reach; README.md has the words."""

from contest import SUBJECT, Contestant, Reach, Scenario, on
from drive import BURST, NAP, SLEEPERS
from scenarios_calls import CALLS
from scenarios_goroutine import GOROUTINES
from scenarios_locks import LOCKS
from scenarios_pool import POOLS
from scenarios_select import SELECTS
from scenarios_time import TIMES


def _gochan(function: str) -> Contestant:
    return Contestant(SUBJECT, f"gochan_chan:{function}", ("gochan",))


def _janus(function: str) -> Contestant:
    return Contestant("janus", f"janus_queue:{function}", ("janus",))


def _culsans(function: str) -> Contestant:
    return Contestant("culsans", f"culsans_queue:{function}", ("culsans",))


def _pyroutine(function: str) -> Contestant:
    return Contestant("py-routine", f"pyroutine_chan:{function}", ("pyroutine",))


def _threads(name: str, function: str) -> Contestant:
    return Contestant(name, f"std_threads:{function}")


def _asyncio(name: str, function: str) -> Contestant:
    return Contestant(name, f"std_asyncio:{function}")


def _go(function: str) -> Contestant:
    return Contestant("Go, one P", f"golang:{function}", ("go",))


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "one-thread",
        "send + recv of an int, capacity 128, one thread",
        "a send and a recv",
        (
            _gochan("one_thread"),
            _threads("SimpleQueue", "one_thread_simple"),
            _threads("queue.Queue(128)", "one_thread_queue"),
            _janus("one_thread"),
            _culsans("one_thread"),
            _pyroutine("one_thread"),
        ),
        (Reach("SimpleQueue", 0.7),),
    ),
    Scenario(
        "drain",
        "draining a full buffer by iteration, one thread",
        "a value",
        (
            _gochan("drain"),
            _threads("SimpleQueue iter(get, None)", "drain_simple"),
            _threads("queue.Queue iter(get, None)", "drain_queue"),
            _pyroutine("drain"),
        ),
        (Reach("SimpleQueue iter(get, None)", 0.5),),
    ),
    Scenario(
        "threads-1x1",
        "stream of 1 producer and 1 consumer thread, capacity 128",
        "a value",
        (
            _gochan("stream"),
            _threads("queue.Queue(128)", "stream_queue"),
            _threads("SimpleQueue unbounded", "stream_simple"),
            _janus("stream"),
            _culsans("stream"),
            _pyroutine("stream"),
        ),
        (Reach("queue.Queue(128)", 0.1), Reach("SimpleQueue unbounded", 2.0)),
    ),
    Scenario(
        "threads-4x4",
        "stream of 4 producer and 4 consumer threads, capacity 128",
        "a value",
        (
            _gochan("stream_4x4"),
            _threads("queue.Queue(128)", "stream_4x4_queue"),
            _threads("SimpleQueue unbounded", "stream_4x4_simple"),
            _janus("stream_4x4"),
            _culsans("stream_4x4"),
            _pyroutine("stream_4x4"),
        ),
        (Reach("queue.Queue(128)", 0.2),),
    ),
    Scenario(
        "threads-ping-pong",
        "unbuffered ping-pong of two threads (queues: size 1 or unbounded)",
        "a round trip",
        (
            _gochan("ping_pong"),
            _threads("two SimpleQueues", "ping_pong_simple"),
            _threads("queue.Queue(1)", "ping_pong_queue"),
            _janus("ping_pong"),
            _culsans("ping_pong"),
            _pyroutine("ping_pong"),
        ),
        (
            Reach("two SimpleQueues", 1.0),
            Reach("two SimpleQueues", 0.5, when="with deferred wakes"),
        ),
    ),
    Scenario(
        "one-cpu-ping-pong",
        "unbuffered ping-pong of two threads that share one CPU",
        "a round trip",
        (
            _gochan("ping_pong"),
            _threads("two SimpleQueues", "ping_pong_simple"),
            _threads("queue.Queue(1)", "ping_pong_queue"),
            _pyroutine("ping_pong"),
        ),
        one_cpu=True,
    ),
    Scenario(
        "asyncio-ready",
        "ready await asend + await arecv, capacity 128, one asyncio task",
        "a send and a recv",
        on(
            "asyncio",
            _gochan("ready"),
            _asyncio("asyncio.Queue(128)", "ready"),
            _janus("ready"),
            _culsans("ready"),
            _pyroutine("ready"),
        ),
        (Reach("asyncio.Queue(128)", 0.4),),
    ),
    Scenario(
        "asyncio-ping-pong",
        "unbuffered ping-pong of two asyncio tasks (queues: size 1)",
        "a round trip",
        on(
            "asyncio",
            _gochan("async_ping_pong"),
            _asyncio("asyncio.Queue(1)", "ping_pong"),
            _asyncio("bare Future (floor)", "bare_future"),
            _janus("async_ping_pong"),
            _culsans("async_ping_pong"),
            _pyroutine("async_ping_pong"),
        ),
        (Reach("asyncio.Queue(1)", 0.75),),
    ),
    Scenario(
        "uvloop-ping-pong",
        "unbuffered ping-pong of two tasks on uvloop (queues: size 1)",
        "a round trip",
        on(
            "uvloop",
            _gochan("async_ping_pong"),
            _asyncio("asyncio.Queue(1)", "ping_pong"),
            _asyncio("bare Future (floor)", "bare_future"),
        ),
    ),
    Scenario(
        "thread-to-asyncio",
        "a thread feeding an asyncio task, capacity 128",
        "a value",
        on(
            "asyncio",
            _gochan("thread_to_task"),
            _janus("thread_to_task"),
            _culsans("thread_to_task"),
            _pyroutine("thread_to_task"),
            _asyncio("call_soon_threadsafe unbounded", "thread_to_task_unbounded"),
            _asyncio("run_coroutine_threadsafe", "thread_to_task_bounded"),
        ),
        (Reach("janus", 0.1), Reach("py-routine", 0.3)),
    ),
    Scenario(
        "asyncio-to-thread",
        "an asyncio task feeding a thread, capacity 128",
        "a value",
        on(
            "asyncio",
            _gochan("task_to_thread"),
            _janus("task_to_thread"),
            _culsans("task_to_thread"),
            _pyroutine("task_to_thread"),
            _asyncio("run_in_executor", "task_to_thread_bounded"),
        ),
    ),
    Scenario(
        "spawn",
        f"start {BURST:,} functions that do nothing and wait for all",
        "a function",
        (
            _gochan("spawn"),
            _threads("ThreadPoolExecutor(8)", "spawn_pool"),
            _pyroutine("spawn"),
            _go("spawn_functions"),
        ),
        (Reach("ThreadPoolExecutor(8)", 0.15),),
        step=BURST,
        heavy=True,
    ),
    Scenario(
        "sleep",
        f"start {SLEEPERS:,} functions that block in time.sleep({NAP}) and wait for all",
        "the whole",
        (
            _gochan("sleep"),
            _threads("one sleep (floor)", "sleep_once"),
            _threads(f"ThreadPoolExecutor({SLEEPERS})", "sleep_pool"),
            _threads("threading.Thread", "sleep_thread"),
            _pyroutine("sleep"),
            _go("sleep"),
        ),
        (Reach("one sleep (floor)", 2.0),),
        step=1,
        once=True,
        heavy=True,
    ),
    *GOROUTINES,
    *SELECTS,
    *TIMES,
    *LOCKS,
    *CALLS,
    *POOLS,
    Scenario(
        "import",
        "a whole run of python -c 'import ...'",
        "a run",
        (
            Contestant(SUBJECT, "imports:gochan", ("gochan",)),
            Contestant("python -c pass", "imports:nothing"),
            Contestant("asyncio", "imports:asyncio"),
            Contestant("janus", "imports:janus", ("janus",)),
            Contestant("culsans", "imports:culsans", ("culsans",)),
            Contestant("py-routine", "imports:pyroutine", ("pyroutine",)),
        ),
        (Reach("python -c pass", 25.0, kind="ms"),),
        step=1,
    ),
)


def find(name: str) -> Scenario:
    return next(s for s in SCENARIOS if s.name == name)
