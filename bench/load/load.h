// The load client's parts. Whatever goes wrong in one of them ends the program.
#pragma once
#define _GNU_SOURCE
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { SilenceLimitSeconds = 30, BufferBytes = 64 * 1024, WriteBytes = 64 * 1024, MostStreams = 64 };

typedef struct {
    int fd;
    SSL *ssl;
    size_t start, end; // what is read and not yet used: buffer[start..end)
    char buffer[BufferBytes];
} Connection;

typedef struct {
    pthread_t thread;
    Connection connection;
    float *micros; // of each round trip
    size_t count, room;
} Worker;

// The command line.
extern struct sockaddr_in to;
extern const char *host, *path, *header, *authority;
extern const char *payload;
extern size_t payload_bytes, streams;
extern double seconds, rate;

// connection.c: one connection, and HTTP/1.1 on it.
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
const char *tls_error(void);
double now(void);
double cpu(void);
void prepare_tls(const char *ca, bool is_h2);
void open_connection(Connection *c);
void close_connection(Connection *c);
void write_all(Connection *c, const char *bytes, size_t length);
void read_more(Connection *c);
void send_head(Connection *c, const char *method, size_t body);
size_t read_answer(Connection *c, bool compare);
size_t get(Connection *c, bool compare);

// work.c: many at once. A thread that works waits twice, for `ready` and `go`, and begins nothing after `deadline`.
extern pthread_barrier_t ready, go;
extern double deadline;
void *connect_again_and_again(void *worker);
void *connect_when_due(void *worker);
void *ask_again_and_again(void *worker);
void record(Worker *w, double took);
void measure(size_t parallel, void *(*work)(void *), bool keeps_alive);

// http2.c
void *ask_over_h2(void *worker);
