"""What a checker must refuse of gochan.Pool: one error on each marked line, none elsewhere."""

from gochan import Pool


def area(width: int, height: int = 1) -> float:
    return width * height


async def fetch(url: str) -> bytes:
    return url.encode()


def pools() -> None:
    Pool("4")  # E
    Pool(4, 8)  # E
    Pool(executor=Pool)  # E
    Pool(queue=0.5)  # E


def jobs(pool: Pool) -> None:
    pool.submit(3)  # E
    pool.submit(area)  # E
    pool.submit(area, "3")  # E
    pool.submit(area, 3, depth=4)  # E
    pool.submit(fetch("a"))  # E
    text: str = pool.submit(area, 3).result()  # E
    page: str = pool.submit(fetch, "a").result()  # E
    print(text, page)
    pool.shutdown(True, True)  # E


def maps(pool: Pool) -> None:
    pool.map(3, [1])  # E
    pool.map(area, 3)  # E
    pool.map(area, [1], buffersize="3")  # E
    pool.map(area, [1], order=False)  # E
    for text in pool.map(area, [1]):
        text.upper()  # E
    pool.amap(area, [1], timeout=3)  # E


async def async_jobs(pool: Pool) -> None:
    pool.asubmit(area, 3).result()  # E
    await pool.asubmit(area)  # E
    pool.asubmit(area, 3)  # E
    for _ in pool.amap(area, [1]):  # E
        pass
