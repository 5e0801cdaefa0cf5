package main

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// turn: so many, then the loop gives way, as the others do.
const turn = 100

// inTurns calls job n times.
func inTurns(n int, job func()) float64 {
	begin := time.Now()
	for range n / turn {
		for range turn {
			job()
		}
		runtime.Gosched()
	}
	return time.Since(begin).Seconds()
}

// withTimeout: a context with a deadline far away, cancelled at once.
func withTimeout(n, _ int) float64 {
	parent := context.Background()
	return inTurns(n, func() {
		_, cancel := context.WithTimeout(parent, time.Minute)
		cancel()
	})
}

// timerStop: a timer with a channel, stopped at once.
func timerStop(n, _ int) float64 {
	return inTurns(n, func() { time.NewTimer(time.Minute).Stop() })
}

// afterFuncStop: a function that would be called, stopped at once.
func afterFuncStop(n, _ int) float64 {
	nothing := func() {}
	return inTurns(n, func() { time.AfterFunc(time.Minute, nothing).Stop() })
}

// sleepers: CPU seconds of n times `size` goroutines that sleep for half a second.
func sleepers(n, size int) float64 { return cpuOfSleepers(n, size, 0) }

// sleepersSpread: the same, each a little longer than the one before, the last for a second and a half.
func sleepersSpread(n, size int) float64 { return cpuOfSleepers(n, size, time.Second) }

func cpuOfSleepers(n, size int, spread time.Duration) float64 {
	begin := cpuSeconds()
	for range n {
		var wg sync.WaitGroup
		for i := range size {
			nap := 500*time.Millisecond + spread*time.Duration(i)/time.Duration(size)
			wg.Add(1)
			go func() {
				time.Sleep(nap)
				wg.Done()
			}()
		}
		wg.Wait()
	}
	return cpuSeconds() - begin
}

// lateness: n times what a sleep of 3 to 7 ms is late by at the median.
func lateness(n, _ int) float64 {
	late := make([]float64, n)
	done := make(chan struct{})
	go func() {
		for i := range n {
			asked := time.Duration(3+i%5) * time.Millisecond
			begin := time.Now()
			time.Sleep(asked)
			late[i] = (time.Since(begin) - asked).Seconds()
		}
		close(done)
	}()
	<-done
	slices.Sort(late)
	return float64(n) * (late[(n-1)/2] + late[n/2]) / 2
}
