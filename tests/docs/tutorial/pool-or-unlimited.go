package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

func block1() {
	ctx, tasks := context.Background(), make([]int, 200)
	var running, most, done atomic.Int64
	request := func(int) {
		for now := running.Add(1); ; {
			seen := most.Load()
			if now <= seen || most.CompareAndSwap(seen, now) {
				break
			}
		}
		time.Sleep(time.Millisecond)
		running.Add(-1)
		done.Add(1)
	}
	// block 1
	slots.Acquire(ctx, 20) // all have given theirs back
	fmt.Println(done.Load(), most.Load() <= 20)
	// Output:
	// 200 true
}
