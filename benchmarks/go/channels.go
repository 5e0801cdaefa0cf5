package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// together runs the jobs on a goroutine each and returns the seconds until the last has ended.
func together(jobs ...func()) float64 {
	var wg sync.WaitGroup
	begin := time.Now()
	for _, job := range jobs {
		wg.Add(1)
		go func() {
			job()
			wg.Done()
		}()
	}
	wg.Wait()
	return time.Since(begin).Seconds()
}

// pingPong: two goroutines, two channels; one sends and waits for the answer.
func pingPong(n, capacity int) float64 {
	there, back := make(chan int, capacity), make(chan int, capacity)
	return together(func() {
		for i := range n {
			there <- i
			<-back
		}
	}, func() {
		for i := range n {
			<-there
			back <- i
		}
	})
}

// stream: one goroutine sends n values, one receives them.
func stream(n, capacity int) float64 {
	ch := make(chan int, capacity)
	return together(func() {
		for i := range n {
			ch <- i
		}
	}, func() {
		for range n {
			<-ch
		}
	})
}

// ring: a token goes round `size` goroutines over as many unbuffered channels; n hops, whole laps. The
// first lap, in which all of them come to stand in their receive, is outside the clock.
func ring(n, size int) float64 {
	laps := n / size
	first := make(chan int)
	last := first
	for range size - 1 {
		in, out := last, make(chan int)
		go func() {
			for range laps + 1 {
				out <- <-in
			}
		}()
		last = out
	}
	taken := make(chan float64)
	go func() {
		first <- 0
		<-last
		begin := time.Now()
		for lap := range laps {
			first <- lap
			<-last
		}
		taken <- time.Since(begin).Seconds()
	}()
	return <-taken
}

// sieve: n times the daisy chain of filters, up to the size-th prime. What is still under way in the
// chain then is drained outside the clock.
func sieve(n, size int) float64 {
	taken := 0.0
	for range n {
		var stop atomic.Bool
		begin := time.Now()
		numbers := make(chan int)
		go count(numbers, &stop)
		for range size {
			prime := <-numbers
			out := make(chan int)
			go sift(numbers, out, prime)
			numbers = out
		}
		taken += time.Since(begin).Seconds()
		stop.Store(true)
		for range numbers {
		}
	}
	return taken
}

func count(out chan<- int, stop *atomic.Bool) {
	for i := 2; !stop.Load(); i++ {
		out <- i
	}
	close(out)
}

func sift(in <-chan int, out chan<- int, prime int) {
	for i := range in {
		if i%prime != 0 {
			out <- i
		}
	}
	close(out)
}
