// The load client of ./dev bench: HTTP over TLS, either to an address or through a CONNECT proxy. A thread for each connection, and
// nothing in the timed parts but the work itself, since the client shares the machine with what it measures.
//
//   load MODE --to ADDRESS:PORT [--connect HOST:PORT] --host HOST --ca FILE --path PATH [--header "name: value"]
//
// --to is where the TCP connection goes; with --connect that is a proxy, which is asked for HOST:PORT. --host is the name that the TLS
// certificate must have. Every certificate is verified. Modes:
//
//   download  --payload FILE [--verify]      one GET; the answer must be as long as FILE, with --verify the same bytes
//   upload    --payload FILE                 one PUT of FILE
//   connect   --parallel N --seconds S       new connection, TLS, one GET, close; again and again
//   paced     --parallel N --seconds S --rate R   the same, R times a second whatever the answers take; a time begins when its turn came
//   first     --count N                      the same N times; prints each time
//   keepalive --parallel N --seconds S       one GET after the other on N connections
//   h2        --parallel N --streams M --seconds S   M GETs at a time on each of N connections, HTTP/2
//   idle      --count N                      opens N connections with one GET each, prints, and holds them until standard input ends;
//                                            then each must still answer a GET
//
// Prints one line of JSON. Whatever goes wrong ends the program with a sentence on stderr and exit code 1: a figure of a run in which
// something failed would mean nothing.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

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

static struct sockaddr_in to;
static const char *host, *path = "/", *header, *authority;
static SSL_CTX *tls;
static const char *payload;
static size_t payload_bytes;
static bool verify;
static double seconds = 1;
static double began, deadline;
static double rate = 100;
static atomic_size_t turns;
static size_t streams = 8;
static bool is_h2;
static pthread_barrier_t ready, go;
static atomic_flag dying = ATOMIC_FLAG_INIT;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    if (atomic_flag_test_and_set(&dying)) pause();
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    _exit(1);
}

static const char *tls_error(void) {
    static _Thread_local char text[512];
    unsigned long error = ERR_peek_last_error();
    if (error) ERR_error_string_n(error, text, sizeof text);
    else if (errno == EAGAIN) snprintf(text, sizeof text, "nothing for %d s", SilenceLimitSeconds);
    else snprintf(text, sizeof text, "%s", errno ? strerror(errno) : "the connection was closed");
    return text;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

// ---- one connection ----

static void write_all(Connection *c, const char *bytes, size_t length) {
    while (length > 0) {
        size_t part = length < WriteBytes ? length : WriteBytes;
        errno = 0;
        ssize_t written = c->ssl ? SSL_write(c->ssl, bytes, (int)part) : send(c->fd, bytes, part, MSG_NOSIGNAL);
        if (written <= 0) die("sending failed: %s", tls_error());
        bytes += written;
        length -= (size_t)written;
    }
}

static void read_more(Connection *c) {
    if (c->start == c->end) c->start = c->end = 0;
    if (c->end == BufferBytes) die("a head is longer than %d bytes", BufferBytes);
    errno = 0;
    ssize_t got = c->ssl ? SSL_read(c->ssl, c->buffer + c->end, (int)(BufferBytes - c->end)) : recv(c->fd, c->buffer + c->end, BufferBytes - c->end, 0);
    if (got <= 0) die("the answer ended early: %s", tls_error());
    c->end += (size_t)got;
}

// Reads a head up to its empty line. Returns the status, and the length of the body where one is wanted: SIZE_MAX when it comes in chunks.
static int read_head(Connection *c, size_t *body) {
    char *head, *end;
    while (head = c->buffer + c->start, !(end = memmem(head, c->end - c->start, "\r\n\r\n", 4))) read_more(c);
    size_t head_bytes = (size_t)(end - head) + 4;
    int status = head_bytes > 12 && !strncmp(head, "HTTP/1.1 ", 9) ? atoi(head + 9) : 0;
    if (body) {
        bool found = false;
        end[2] = 0; // over the CR of the empty line, which is used
        for (char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
            if (!strncasecmp(line + 2, "content-length:", 15)) *body = strtoull(line + 17, NULL, 10), found = true;
            else if (!strncasecmp(line + 2, "transfer-encoding: chunked", 26)) *body = SIZE_MAX, found = true;
        if (status == 204) *body = 0;
        else if (!found && status >= 200) die("an answer %d without a length", status);
    }
    c->start += head_bytes;
    return status;
}

static void open_connection(Connection *c) {
    c->ssl = NULL;
    c->start = c->end = 0;
    if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) die("no socket: %s", strerror(errno));
    int one = 1;
    struct timeval limit = {.tv_sec = SilenceLimitSeconds};
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connecting failed: %s", strerror(errno));
    if (authority) {
        char request[1024];
        int length = snprintf(request, sizeof request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority);
        write_all(c, request, (size_t)length);
        int status = read_head(c, NULL);
        if (status != 200) die("CONNECT %s was answered %d", authority, status);
        if (c->start != c->end) die("bytes came after the answer to CONNECT, before any was sent");
    }

    if (!(c->ssl = SSL_new(tls)) || !SSL_set_fd(c->ssl, c->fd) || !SSL_set_tlsext_host_name(c->ssl, host) || !SSL_set1_host(c->ssl, host)) die("TLS: %s", tls_error());
    errno = 0;
    if (SSL_connect(c->ssl) != 1) {
        long reason = SSL_get_verify_result(c->ssl);
        die("the TLS handshake failed: %s", reason == X509_V_OK ? tls_error() : X509_verify_cert_error_string(reason));
    }
}

static void close_connection(Connection *c) {
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(c->fd);
}

// Reads `length` bytes, which are compared with the payload from `offset` if `compare`.
static void read_bytes(Connection *c, size_t length, size_t offset, bool compare) {
    for (size_t got = 0; got < length;) {
        if (c->start == c->end) read_more(c);
        size_t part = c->end - c->start < length - got ? c->end - c->start : length - got;
        if (compare && (offset + got + part > payload_bytes || memcmp(payload + offset + got, c->buffer + c->start, part)))
            die("wrong bytes within %zu bytes after offset %zu", part, offset + got);
        c->start += part;
        got += part;
    }
}

// Reads a body in chunks (RFC 9112 section 7.1), without trailers. Returns its length.
static size_t read_chunks(Connection *c, bool compare) {
    for (size_t got = 0;;) {
        char *end;
        while (!(end = memmem(c->buffer + c->start, c->end - c->start, "\r\n", 2))) {
            // A size line at the very end of the buffer: it moves to the front.
            if (c->end == BufferBytes) {
                memmove(c->buffer, c->buffer + c->start, c->end - c->start);
                c->end -= c->start;
                c->start = 0;
            }

            read_more(c);
        }

        size_t size = strtoull(c->buffer + c->start, NULL, 16);
        c->start = (size_t)(end - c->buffer) + 2;
        read_bytes(c, size, got, compare);
        got += size;
        read_bytes(c, 2, 0, false);
        if (!size) return got;
    }
}

// Reads an answer with its body, which is compared with the payload if `compare`.
static size_t read_answer(Connection *c, bool compare) {
    size_t body = 0;
    int status;
    do status = read_head(c, &body);
    while (status >= 100 && status < 200);
    if (status / 100 != 2) die("%s was answered %d", path, status);
    if (body == SIZE_MAX) body = read_chunks(c, compare);
    else read_bytes(c, body, 0, compare);
    if (compare && body != payload_bytes) die("%s has %zu bytes, expected %zu", path, body, payload_bytes);
    if (c->start != c->end) die("%zu bytes came behind the answer", c->end - c->start);
    return body;
}

static void send_head(Connection *c, const char *method, size_t body) {
    char head[1024], length[64] = "";
    if (body) snprintf(length, sizeof length, "Content-Length: %zu\r\n", body);
    int bytes = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n%s%s%s\r\n", method, path, host, length, header ? header : "", header ? "\r\n" : "");
    write_all(c, head, (size_t)bytes);
}

static size_t get(Connection *c, bool compare) {
    send_head(c, "GET", 0);
    return read_answer(c, compare);
}

// ---- the modes ----

static void transfer(bool is_upload) {
    static Connection c;
    open_connection(&c);
    double started = now(), cpu_before = cpu();
    size_t bytes = payload_bytes;
    if (is_upload) {
        send_head(&c, "PUT", payload_bytes);
        write_all(&c, payload, payload_bytes);
        read_answer(&c, false);
    } else {
        bytes = get(&c, verify);
        if (bytes != payload_bytes) die("%s has %zu bytes, expected %zu", path, bytes, payload_bytes);
    }

    double took = now() - started;
    printf("{\"requests\": 1, \"bytes\": %zu, \"seconds\": %.6f, \"client_cpu\": %.4f, \"protocol\": \"%s\", \"cipher\": \"%s\"}\n", bytes, took, cpu() - cpu_before, SSL_get_version(c.ssl), SSL_get_cipher(c.ssl));
    close_connection(&c);
}

static void record(Worker *w, double took) {
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 4096;
        if (!(w->micros = realloc(w->micros, w->room * sizeof *w->micros))) die("no memory");
    }

    w->micros[w->count++] = (float)(took * 1e6);
}

static void *connect_again_and_again(void *argument) {
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

static void *connect_when_due(void *argument) {
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

static void *ask_again_and_again(void *argument) {
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

// ---- HTTP/2 ----

typedef struct {
    Worker *worker;
    nghttp2_session *session;
    double asked[MostStreams];
    size_t under_way;
} Multiplexed;

static nghttp2_nv field(const char *name, size_t name_bytes, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, name_bytes, strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static void ask_on_stream(Multiplexed *m, size_t slot) {
    nghttp2_nv fields[] = {field(":method", 7, "GET"), field(":scheme", 7, "https"), field(":authority", 10, host), field(":path", 5, path), field("user-agent", 10, "load"), field("accept", 6, "*/*"), {0}};
    size_t count = 6;
    if (header) fields[count++] = field(header, strcspn(header, ":"), header + strcspn(header, ":") + 2);
    m->asked[slot] = now();
    int stream = nghttp2_submit_request(m->session, NULL, fields, count, NULL, &m->asked[slot]);
    if (stream < 0) die("HTTP/2: %s", nghttp2_strerror(stream));
    m->under_way++;
}

static int stream_closed(nghttp2_session *session, int32_t stream, uint32_t error, void *argument) {
    Multiplexed *m = argument;
    double *asked = nghttp2_session_get_stream_user_data(session, stream), ended = now();
    if (error) die("HTTP/2: a stream ended with error %u", error);
    m->under_way--;
    record(m->worker, ended - *asked);
    if (ended < deadline) ask_on_stream(m, (size_t)(asked - m->asked));
    return 0;
}

static int header_came(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *argument) {
    (void)session, (void)frame, (void)flags, (void)argument;
    if (name_bytes == 7 && !memcmp(name, ":status", 7) && (value_bytes != 3 || memcmp(value, "200", 3))) die("%s was answered %.*s", path, (int)value_bytes, (const char *)value);
    return 0;
}

static void *ask_over_h2(void *argument) {
    Multiplexed m = {.worker = argument};
    Connection *c = &m.worker->connection;
    open_connection(c);
    const unsigned char *chosen;
    unsigned chosen_bytes;
    SSL_get0_alpn_selected(c->ssl, &chosen, &chosen_bytes);
    if (chosen_bytes != 2 || memcmp(chosen, "h2", 2)) die("the other end does not speak HTTP/2");
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header_came);
    nghttp2_session_client_new(&m.session, callbacks, &m);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(m.session, NGHTTP2_FLAG_NONE, NULL, 0);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&go);
    for (size_t slot = 0; slot < streams; slot++) ask_on_stream(&m, slot);
    while (m.under_way) {
        // What is to be sent goes out in one piece: a write for each frame would be a TLS record for each.
        static _Thread_local char out[BufferBytes];
        size_t filled = 0;
        const uint8_t *frame;
        ssize_t bytes;
        while ((bytes = nghttp2_session_mem_send(m.session, &frame)) > 0) {
            if ((size_t)bytes > sizeof out - filled) write_all(c, out, filled), filled = 0;
            if ((size_t)bytes > sizeof out) write_all(c, (const char *)frame, (size_t)bytes);
            else memcpy(out + filled, frame, (size_t)bytes), filled += (size_t)bytes;
        }

        if (filled) write_all(c, out, filled);
        c->start = c->end;
        read_more(c);
        bytes = nghttp2_session_mem_recv(m.session, (const uint8_t *)c->buffer, c->end);
        if (bytes < 0) die("HTTP/2: %s", nghttp2_strerror((int)bytes));
    }

    nghttp2_session_del(m.session);
    c->start = c->end;
    return NULL;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void measure(size_t parallel, void *(*work)(void *), bool keeps_alive) {
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

static void one_by_one(size_t count) {
    static Connection c;
    printf("{\"requests\": %zu, \"each_ms\": [", count);
    for (size_t i = 0; i < count; i++) {
        double started = now();
        open_connection(&c);
        get(&c, false);
        printf("%s%.4f", i ? ", " : "", (now() - started) * 1e3);
        close_connection(&c);
    }

    printf("]}\n");
}

static void hold(size_t count) {
    Connection *connections = calloc(count, sizeof *connections);
    double started = now();
    for (size_t i = 0; i < count; i++) {
        open_connection(&connections[i]);
        get(&connections[i], false);
    }

    printf("{\"requests\": %zu, \"seconds\": %.6f}\n", 2 * count, now() - started);
    fflush(stdout);
    char ignored[64];
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) { }
    for (size_t i = 0; i < count; i++) {
        get(&connections[i], false);
        close_connection(&connections[i]);
    }
}

// ---- the command line ----

static void parse_address(const char *text) {
    char address[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof address) die("--to: expected ADDRESS:PORT, got %s", text);
    memcpy(address, text, (size_t)(colon - text));
    address[colon - text] = 0;
    to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) die("--to: expected an IPv4 address, got %s", address);
}

static void map_payload(const char *file) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) die("%s: %s", file, strerror(errno));
    payload_bytes = (size_t)status.st_size;
    payload = mmap(NULL, payload_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (payload == MAP_FAILED) die("%s: %s", file, strerror(errno));
    close(fd);
}

static void prepare_tls(const char *ca) {
    if (!(tls = SSL_CTX_new(TLS_client_method())) || !SSL_CTX_load_verify_locations(tls, ca, NULL)) die("%s: %s", ca, tls_error());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); // every handshake a full one
    SSL_CTX_set_mode(tls, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, BufferBytes + 2048);
    if (is_h2) SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x02h2", 3);
    else SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x08http/1.1", 9);
}

int main(int argc, char **argv) {
    if (argc < 2) die("a mode is missing; the head of load.c lists them");
    const char *mode = argv[1], *ca = NULL;
    size_t parallel = 1, count = 1;
    for (int i = 2; i < argc; i++) {
        const char *option = argv[i];
        if (!strcmp(option, "--verify")) {
            verify = true;
            continue;
        }

        if (++i == argc) die("%s: a value is missing", option);
        const char *value = argv[i];
        if (!strcmp(option, "--to")) parse_address(value);
        else if (!strcmp(option, "--connect")) authority = value;
        else if (!strcmp(option, "--host")) host = value;
        else if (!strcmp(option, "--ca")) ca = value;
        else if (!strcmp(option, "--path")) path = value;
        else if (!strcmp(option, "--header")) header = value;
        else if (!strcmp(option, "--payload")) map_payload(value);
        else if (!strcmp(option, "--parallel")) parallel = strtoul(value, NULL, 10);
        else if (!strcmp(option, "--count")) count = strtoul(value, NULL, 10);
        else if (!strcmp(option, "--seconds")) seconds = atof(value);
        else if (!strcmp(option, "--rate")) rate = atof(value);
        else if (!strcmp(option, "--streams")) streams = strtoul(value, NULL, 10);
        else die("unknown option %s", option);
    }

    if (!to.sin_port || !host || !ca) die("--to, --host and --ca are needed");
    if (!parallel || !streams || streams > MostStreams || rate <= 0) die("expected --parallel of 1 or more, --streams of 1 to %d and a --rate above 0", MostStreams);
    is_h2 = !strcmp(mode, "h2");
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare_tls(ca);

    bool is_upload = !strcmp(mode, "upload");
    if (is_upload || !strcmp(mode, "download")) {
        if (!payload) die("--payload is needed");
        transfer(is_upload);
    } else if (!strcmp(mode, "connect")) {
        measure(parallel, connect_again_and_again, false);
    } else if (!strcmp(mode, "paced")) {
        measure(parallel, connect_when_due, false);
    } else if (!strcmp(mode, "keepalive")) {
        measure(parallel, ask_again_and_again, true);
    } else if (is_h2) {
        measure(parallel, ask_over_h2, true);
    } else if (!strcmp(mode, "first")) {
        one_by_one(count);
    } else if (!strcmp(mode, "idle")) {
        hold(count);
    } else {
        die("unknown mode %s", mode);
    }

    return 0;
}
