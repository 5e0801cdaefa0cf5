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
import os, random, signal, threading, time, warnings
import gochan
from gochan import Chan, agosched, go

# An interrupt between a call and its `await` leaves an awaitable behind, as it would of asyncio.
warnings.simplefilter("ignore", RuntimeWarning)
seed = random.randrange(2**32)
print("seed", seed)
chance = random.Random(seed)
inside = False
hits = 0
over = threading.Event()

def strike():
    while not over.is_set():
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
