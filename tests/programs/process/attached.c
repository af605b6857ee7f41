/* SPDX-License-Identifier: MIT */
/*
 * attached MODE [THREADS]: runs until its stdin ends, and checks itself. Prints "ready" at first, and at the end "fine"
 * and how much it has done, or what was wrong. All threads do the same, the first one too: none is idle.
 *   threads    allocate, fill, check, resize and free without pause
 *   load       loads two plugins by name, found by RUNPATH, calls them and unloads them, all the time
 *   waits      a thread for each kind of wait; none may end early, with an error, or with too little time
 *   signals    SIGPROF every millisecond, whose handler runs on an alternate stack, while vector registers and the red
 *              zone are in use
 *   callback   sleeps inside dl_iterate_phdr, most of the time, where nothing may be loaded
 *   pointers   calls malloc through a pointer in its data, and strdup
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "site.h"

#define BLOCKS 64
#define WAIT_MS 700

static int over; /* atomic */
static unsigned long done; /* atomic */
static const char *wrong; /* atomic */

static __thread int is_first;
static __thread unsigned asked;

/* The first thread looks at stdin now and then. */
static int is_over(void)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	if (is_first && !(asked++ & 255) && poll(&in, 1, 0) > 0)
		__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&over, __ATOMIC_RELAXED);
}

static void count(void)
{
	__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static void blame(const char *what)
{
	__atomic_store_n(&wrong, what, __ATOMIC_RELAXED);
}

static void check_block(const unsigned char *block, size_t bytes, unsigned char value)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != value)
			blame("a block has changed");
}

SITE static void *allocating(void *argument)
{
	struct {
		unsigned char *start;
		size_t bytes;
	} blocks[BLOCKS] = {0};
	uint64_t random = (uintptr_t)argument + 1;
	while (!is_over()) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		unsigned i = random >> 33 & (BLOCKS - 1);
		size_t bytes = 1 + (random >> 40 & 511);
		check_block(blocks[i].start, blocks[i].bytes, (unsigned char)i);
		if (random >> 50 & 1) {
			free(blocks[i].start);
			blocks[i].start = random >> 51 & 1 ? malloc(bytes) : calloc(1, bytes);
		} else {
			blocks[i].start = realloc(blocks[i].start, bytes);
		}
		blocks[i].bytes = bytes;
		memset(blocks[i].start, (int)i, bytes);
		count();
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		free(blocks[i].start);
	return NULL;
}

SITE static void *loading(void *argument)
{
	static const char *const names[] = {"plugin_a.so", "plugin_b.so"};
	for (int round = 0; !is_over(); round++) {
		void *plugin = dlopen(names[round & 1], RTLD_NOW);
		void (*run)(int) = plugin ? (void (*)(int))dlsym(plugin, "plugin_run") : NULL;
		if (run)
			run(round & 1023);
		else
			blame("a plugin was not found");
		if (plugin)
			dlclose(plugin);
		for (volatile int i = 0; i < 30000; i++) /* outside the loader, where a thread can be used */
			;
		count();
	}
	return argument;
}

static double now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* The waits that end by time. Each returns 0 if it has ended as it should. */
static int wait_nanosleep(void)
{
	struct timespec time = {0, WAIT_MS * 1000000L};
	return nanosleep(&time, NULL);
}

static int wait_clock(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_nsec += WAIT_MS * 1000000L;
	time.tv_sec += time.tv_nsec / 1000000000L;
	time.tv_nsec %= 1000000000L;
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static int wait_poll(void)
{
	return poll(NULL, 0, WAIT_MS);
}

static int wait_ppoll(void)
{
	struct timespec time = {0, WAIT_MS * 1000000L};
	sigset_t none;
	sigemptyset(&none);
	return ppoll(NULL, 0, &time, &none);
}

static int wait_select(void)
{
	struct timeval time = {0, WAIT_MS * 1000L};
	return select(0, NULL, NULL, NULL, &time);
}

static int wait_epoll(void)
{
	struct epoll_event event;
	int fd = epoll_create1(EPOLL_CLOEXEC), result = epoll_wait(fd, &event, 1, WAIT_MS);
	close(fd);
	return result;
}

static int wait_signal(void)
{
	struct timespec time = {0, WAIT_MS * 1000000L};
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	return sigtimedwait(&one, NULL, &time) == -1 && errno == EAGAIN ? 0 : -1;
}

static int wait_condition(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += WAIT_MS * 1000000L;
	time.tv_sec += time.tv_nsec / 1000000000L;
	time.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&mutex);
	int result = pthread_cond_timedwait(&condition, &mutex, &time);
	pthread_mutex_unlock(&mutex);
	return result == ETIMEDOUT ? 0 : -1;
}

static const struct wait {
	int (*run)(void);
	const char *wrong;
} waits[] = {
	{wait_nanosleep, "nanosleep"},	  {wait_clock, "clock_nanosleep"}, {wait_poll, "poll"},
	{wait_ppoll, "ppoll"},		  {wait_select, "select"},	   {wait_epoll, "epoll_wait"},
	{wait_signal, "sigtimedwait"},	  {wait_condition, "pthread_cond_timedwait"},
};
#define WAITS (sizeof(waits) / sizeof(waits[0]))

SITE static void *waiting(void *argument)
{
	const struct wait *wait = argument;
	for (; !is_over(); asked = 0) {
		double start = now_ms();
		errno = 0;
		if (wait->run() != 0 || now_ms() - start < WAIT_MS - 5)
			blame(wait->wrong);
		free(malloc(10));
		count();
	}
	return NULL;
}

static void on_signal(int signal)
{
	volatile char room[2048];
	room[0] = room[2047] = (char)signal;
	count();
}

typedef double vector __attribute__((vector_size(32)));

/* A leaf: its variables are in the red zone and in vector registers. */
SITE static double leaf(double seed)
{
	volatile double red[12];
	double sum = 0;
	for (int i = 0; i < 12; i++)
		red[i] = seed * i;
	for (int i = 0; i < 12; i++)
		sum += red[i];
	return sum;
}

SITE static void *signalled(void *argument)
{
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
	struct itimerval every = {{0, 1000}, {0, 1000}}, never = {0};
	sigaltstack(&stack, NULL);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	for (double i = 1; !is_over(); i = i < 1000 ? i + 1 : 1) {
		vector a = {i, i + 1, i + 2, i + 3}, b = a * 2;
		double got = leaf(i);
		KEEP(&a);
		if (got != i * 66)
			blame("the red zone has changed");
		if (b[0] != 2 * i || b[3] != 2 * (i + 3))
			blame("a vector register has changed");
		free(malloc(100));
	}
	setitimer(ITIMER_PROF, &never, NULL);
	return argument;
}

/* The loader's lock is held here. */
static int sleep_inside(struct dl_phdr_info *info, size_t bytes, void *context)
{
	unsigned long long *adds = context;
	struct timespec time = {0, 200000000};
	(void)bytes;
	if (*adds && *adds != info->dlpi_adds)
		blame("something was loaded inside dl_iterate_phdr");
	if (*adds)
		return 1;
	*adds = info->dlpi_adds;
	nanosleep(&time, NULL);
	return 0;
}

SITE static void *sleeping_inside(void *argument)
{
	struct timespec time = {0, 50000000};
	for (; !is_over(); asked = 0) {
		unsigned long long adds = 0;
		dl_iterate_phdr(sleep_inside, &adds);
		nanosleep(&time, NULL);
		count();
	}
	return argument;
}

static void *(*volatile kept_malloc)(size_t);

SITE static void *through_pointer(void *argument)
{
	while (!is_over()) {
		free(kept_malloc(10));
		free(strdup("text"));
		count();
	}
	return argument;
}

int main(int words, char **word)
{
	const char *mode = words > 1 ? word[1] : "";
	long number = words > 2 ? atol(word[2]) : 1;
	void *(*run)(void *) = !strcmp(mode, "threads")	   ? allocating
			       : !strcmp(mode, "load")	   ? loading
			       : !strcmp(mode, "waits")	   ? waiting
			       : !strcmp(mode, "signals")  ? signalled
			       : !strcmp(mode, "callback") ? sleeping_inside
			       : !strcmp(mode, "pointers") ? through_pointer
							   : NULL;
	pthread_t threads[128];
	if (!run || number > 128)
		return 2;
	if (run == waiting)
		number = WAITS;
	kept_malloc = malloc;
	sigset_t user;
	sigemptyset(&user);
	sigaddset(&user, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &user, NULL);
	/* Fill the slots, so that each attach finds the same ones. */
	free(realloc(malloc(10), 20));
	free(calloc(1, 10));
	for (long i = 1; i < number; i++)
		pthread_create(&threads[i], NULL, run, run == waiting ? (void *)&waits[i] : (void *)i);
	puts("ready");
	fflush(stdout);
	is_first = 1;
	run(run == waiting ? (void *)&waits[0] : NULL);
	for (long i = 1; i < number; i++)
		pthread_join(threads[i], NULL);
	printf("%s %lu\n", wrong ? wrong : "fine", done);
	return wrong != NULL;
}
