"""Races: two goroutines look at the same thing, both decide, and the second is wrong by then.

Python's lock, the GIL, does not help: between looking and acting anybody may run. A `meeting` makes
the unlucky schedule certain here; in a real program it comes once in a million, on a Monday.
"""

from gochan import Chan, Mutex, RecvChan, SendChan, WaitGroup, go, run


class Account:
    def __init__(self, balance: int) -> None:
        self.balance = balance
        self.mutex = Mutex()


async def withdraw(account: Account, amount: int, meeting: WaitGroup) -> bool:
    if account.balance < amount:
        return False
    meeting.done()
    await meeting  # both have looked before one of them acts
    account.balance -= amount
    return True


async def withdraw_locked(account: Account, amount: int) -> bool:
    async with account.mutex:  # looking and acting are one step now
        if account.balance < amount:
            return False
        account.balance -= amount
        return True


async def teller(account: Account, orders: RecvChan[tuple[int, SendChan[bool]]]) -> None:
    """The other way: one goroutine owns the account, all others ask it."""
    async for amount, reply in orders:
        enough = account.balance >= amount
        if enough:
            account.balance -= amount
        await reply.asend(enough)


async def main() -> None:
    account, meeting = Account(100), WaitGroup()
    meeting.add(2)
    both = [go(withdraw, account, 80, meeting) for _ in range(2)]
    print("racing:", [await one for one in both], account.balance)

    account = Account(100)
    both = [go(withdraw_locked, account, 80) for _ in range(2)]
    print("mutex: ", sorted([await one for one in both]), account.balance)

    account, orders, reply = Account(100), Chan[tuple[int, SendChan[bool]]](), Chan[bool](2)
    go(teller, account, orders)
    for _ in range(2):
        await orders.asend((80, reply))
    print("owner: ", sorted([await reply.arecv(), await reply.arecv()]), account.balance)


if __name__ == "__main__":
    run(main)

# Output:
# racing: [True, True] -60
# mutex:  [False, True] 20
# owner:  [False, True] 20
