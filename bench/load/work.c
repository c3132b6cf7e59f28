// Many at once, and what their round trips took.
#include "load.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

pthread_barrier_t ready, go;
double deadline;
static double began;
static atomic_size_t turns;

void record(Worker *w, double took) {
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 4096;
        if (!(w->micros = realloc(w->micros, w->room * sizeof *w->micros))) die("no memory");
    }

    w->micros[w->count++] = (float)(took * 1e6);
}

void *connect_again_and_again(void *argument) {
    Worker *w = argument;
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&go);
    for (double started; (started = now()) < deadline;) {
        open_connection(&w->connection);
        get(&w->connection, false);
        record(w, now() - started);
        close_connection(&w->connection);
    }

    return NULL;
}

void *connect_when_due(void *argument) {
    Worker *w = argument;
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&go);
    for (double due; (due = began + (double)atomic_fetch_add(&turns, 1) / rate) < deadline;) {
        struct timespec when = {.tv_sec = (time_t)due, .tv_nsec = (long)((due - (double)(time_t)due) * 1e9)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) { }
        open_connection(&w->connection);
        get(&w->connection, false);
        record(w, now() - due);
        close_connection(&w->connection);
    }

    return NULL;
}

void *ask_again_and_again(void *argument) {
    Worker *w = argument;
    open_connection(&w->connection);
    get(&w->connection, false);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&go);
    for (double started; (started = now()) < deadline;) {
        get(&w->connection, false);
        record(w, now() - started);
    }

    return NULL;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void measure(size_t parallel, void *(*work)(void *), bool keeps_alive) {
    Worker *workers = calloc(parallel, sizeof *workers);
    pthread_attr_t small_stack;
    pthread_attr_init(&small_stack);
    pthread_attr_setstacksize(&small_stack, 1 << 20);
    pthread_barrier_init(&ready, NULL, (unsigned)parallel + 1);
    pthread_barrier_init(&go, NULL, (unsigned)parallel + 1);
    for (size_t i = 0; i < parallel; i++)
        if (pthread_create(&workers[i].thread, &small_stack, work, &workers[i])) die("no thread");
    // The clock starts when all are there: connections that are kept have been opened by then.
    pthread_barrier_wait(&ready);
    double started = began = now(), cpu_before = cpu();
    deadline = started + seconds;
    pthread_barrier_wait(&go);
    for (size_t i = 0; i < parallel; i++) pthread_join(workers[i].thread, NULL);
    double took = now() - started, cpu_used = cpu() - cpu_before;

    size_t count = 0;
    for (size_t i = 0; i < parallel; i++) count += workers[i].count;
    if (!count) die("nothing was completed within %.1f s", seconds);
    float *all = malloc(count * sizeof *all), *next = all;
    for (size_t i = 0; i < parallel; i++) {
        memcpy(next, workers[i].micros, workers[i].count * sizeof *all);
        next += workers[i].count;
        if (keeps_alive) close_connection(&workers[i].connection);
    }

    qsort(all, count, sizeof *all, ascending);
    printf("{\"requests\": %zu, \"completed\": %zu, \"seconds\": %.6f, \"per_second\": %.2f, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, \"client_cpu\": %.4f}\n", work == ask_again_and_again ? count + parallel : count, count, took, (double)count / took, all[count / 2] / 1e3, all[count - 1 - count / 100] / 1e3, all[count - 1] / 1e3, cpu_used);
}
