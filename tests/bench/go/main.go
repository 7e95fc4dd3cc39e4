// main NAME: the same work in goroutines on one processor; prints nanoseconds an operation, or bytes; echo
// serves instead, and prints its port.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

func yieldAmong(n, count int) {
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func() {
			for j := 0; j < n/count; j++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
}

func handOver(n int, channel chan int) {
	done := make(chan bool)
	go func() {
		for i := 0; i < n; i++ {
			<-channel
		}
		done <- true
	}()
	for i := 0; i < n; i++ {
		channel <- i
	}
	<-done
}

func pingPong(n int) {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there
		}
	}()
	for i := 0; i < n; i++ {
		there <- i
		<-back
	}
}

func spawn(n int) {
	var group sync.WaitGroup
	for i := 0; i < n/100; i++ {
		group.Add(100)
		for j := 0; j < 100; j++ {
			go group.Done()
		}
		group.Wait()
	}
}

func spawnJoin(n int) {
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go group.Done()
		group.Wait()
	}
}

func mutex(n, count int) {
	var lock sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func() {
			for j := 0; j < n/count; j++ {
				lock.Lock()
				if count > 1 {
					runtime.Gosched()
				}
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
}

func weigh() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	total := 0
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			var name string
			var kib int
			fmt.Sscan(line, &name, &kib)
			total += kib * 1024
		}
	}
	return total
}

func parked(count int) float64 {
	gate := make(chan bool)
	before := weigh()
	for i := 0; i < count; i++ {
		go func() { <-gate }()
	}
	runtime.Gosched()
	after := weigh()
	close(gate)
	return float64(after-before) / float64(count)
}

func echo() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			buffer := make([]byte, 65536)
			for {
				n, err := connection.Read(buffer)
				if err != nil {
					connection.Close()
					return
				}
				connection.Write(buffer[:n])
			}
		}()
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	if os.Args[1] == "echo" {
		echo()
	}
	if os.Args[1] == "parked" {
		fmt.Println(parked(50000))
		return
	}
	work, known := map[string]func(int){
		"yield10":   func(n int) { yieldAmong(n, 10) },
		"yield1000": func(n int) { yieldAmong(n, 1000) },
		"spawn":     spawn,
		"spawnjoin": spawnJoin,
		"channel0":  func(n int) { handOver(n, make(chan int)) },
		"channel1":  func(n int) { handOver(n, make(chan int, 1)) },
		"pingpong":  pingPong,
		"mutex":     func(n int) { mutex(n, 1) },
		"mutex10":   func(n int) { mutex(n, 10) },
	}[os.Args[1]]
	if !known {
		os.Exit(3)
	}
	const n = 1000000
	work(n / 10)
	best := time.Hour
	for i := 0; i < 5; i++ {
		start := time.Now()
		work(n)
		if spent := time.Since(start); spent < best {
			best = spent
		}
	}
	fmt.Println(float64(best.Nanoseconds()) / n)
}
