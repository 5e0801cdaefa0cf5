"""What the child programs of the signal tests have in common."""

SETUP = """
import signal, sys, threading, time
from gochan import Chan, ChanClosed, WaitGroup, WouldBlock, go
from parking import wait_blocked, wait_parked, wait_until

MAIN = threading.main_thread()

def when_blocked(act):
    '''Call `act` in another thread as soon as the main thread is blocked for good.'''
    def watch():
        wait_blocked(MAIN)
        act()
    thread = threading.Thread(target=watch)
    thread.start()
    return thread

def say_when_blocked():
    return when_blocked(lambda: print("blocked", flush=True))
"""

SETUP_RUN = (
    SETUP
    + """
import asyncio
from gochan import agosched, aio, run
from watch import parked

def when(condition, act):
    '''Call `act` in another thread as soon as `condition` holds.'''
    def watch():
        wait_until(condition, "what main is to do first")
        act()
    thread = threading.Thread(target=watch)
    thread.start()
    return thread

def say(word):
    print(word, flush=True)

async def spins():
    while True:
        await agosched()

async def computes():
    while True:
        pass

async def sleeps():
    time.sleep(3600)

def plain_computes():
    while True:
        pass
"""
)

# For gochan.signal. `signal` itself is Python's.
SETUP_NOTIFY = (
    SETUP
    + """
import os
from signal import SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIG_DFL, SIG_IGN, raise_signal
from gochan.signal import ignore, ignored, notify, reset, stop

def kill(number):
    '''To the process: its main thread gets it as a rule, and perhaps not before this returns.'''
    os.kill(os.getpid(), number)

def deliver():
    '''Until all that has come is delivered: what stop() promises, for a channel of no interest.'''
    stop(Chan())

def taken(ch):
    '''What is in the channel, without a wait.'''
    return [ch.recv_nowait() for _ in range(len(ch))]

def dispositions():
    '''Which signals are caught and which ignored, as the kernel sees it.'''
    with open("/proc/self/status") as status:
        return sorted(line for line in status if line.startswith(("SigCgt", "SigIgn")))

class Frozen:
    '''A block in which no other thread gets the GIL, unless this one gives it away.'''
    def __enter__(self):
        self.before = sys.getswitchinterval()
        sys.setswitchinterval(1000)
        # Whoever waits for it now still has the old interval: until nobody stirs.
        still = [0]
        def asleep():
            me = str(threading.get_native_id())
            states = [open(f"/proc/self/task/{task}/stat").read().rpartition(")")[2].split()[0]
                      for task in os.listdir("/proc/self/task") if task != me]
            still[0] = still[0] + 1 if set(states) <= {"S"} else 0
            return still[0] >= 4
        wait_until(asleep, "the other threads asleep")
    def __exit__(self, *_):
        sys.setswitchinterval(self.before)
"""
)

HAMMER = (
    SETUP
    + """
import os, random, time

seed = random.randrange(2**32)
print("seed", seed)
chance = random.Random(seed)
inside = False
hits = 0

def interrupt(number, frame):
    # Only inside the call below. What reached it stays in its list: between the operation and
    # the list there is no Python code where an interrupt could strike.
    global inside
    if inside:
        inside = False
        raise KeyboardInterrupt

signal.signal(signal.SIGINT, interrupt)
over = threading.Event()

def strike():
    while not over.is_set():
        os.kill(os.getpid(), signal.SIGINT)
        # Sometimes into a parked main thread, sometimes into a hand-over.
        over.wait(chance.choice([0, 1e-5, 1e-4, 1e-3]))

striker = threading.Thread(target=strike)

def run(step):
    global inside, hits
    ended = False
    while not ended:
        try:
            inside = True
            step()
            inside = False
            ended = True
        except KeyboardInterrupt:
            hits += 1

COUNT = 8000
"""
)

# Here the handler is Python's own, which run() stands in for. It raises wherever main is, so the
# next signal comes only when main is ready for it.
HAMMER_RUN = """
import itertools, os, random, signal, threading, time, warnings
import gochan
from gochan import Chan, agosched, go

# An interrupt between a call and its `await` leaves an awaitable behind, as it would of asyncio.
warnings.simplefilter("ignore", RuntimeWarning)
seed = random.randrange(2**32)
print("seed", seed)
chance = random.Random(seed)
inside = False
hits = 0
# By interrupts, not by values: how many values pass between two is the machine's affair.
ENOUGH = 400
over = threading.Event()

def strike():
    while hits < ENOUGH and not over.is_set():
        over.wait(chance.choice([0, 1e-5, 1e-4, 1e-3]))
        if inside:
            seen = hits
            os.kill(os.getpid(), signal.SIGINT)
            while hits == seen and not over.is_set():
                over.wait(1e-5)

striker = threading.Thread(target=strike, daemon=True)

async def hammered(step):
    global inside, hits
    striker.start()
    ended = False
    while not ended:
        try:
            inside = True
            await step()
            ended = True
        except KeyboardInterrupt:
            inside = False
            hits += 1
    inside = False
    over.set()
    while striker.is_alive():
        try:
            striker.join()
        except KeyboardInterrupt:  # the last one may come a little late
            pass
"""
