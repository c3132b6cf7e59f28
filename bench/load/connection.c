// One connection, and HTTP/1.1 on it.
#include "load.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *tls;
static atomic_flag dying = ATOMIC_FLAG_INIT;

void die(const char *format, ...) {
    if (atomic_flag_test_and_set(&dying)) pause();
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    _exit(1);
}

const char *tls_error(void) {
    static _Thread_local char text[512];
    unsigned long error = ERR_peek_last_error();
    if (error) ERR_error_string_n(error, text, sizeof text);
    else if (errno == EAGAIN) snprintf(text, sizeof text, "nothing for %d s", SilenceLimitSeconds);
    else snprintf(text, sizeof text, "%s", errno ? strerror(errno) : "the connection was closed");
    return text;
}

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

void prepare_tls(const char *ca, bool is_h2) {
    if (!(tls = SSL_CTX_new(TLS_client_method())) || !SSL_CTX_load_verify_locations(tls, ca, NULL)) die("%s: %s", ca, tls_error());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); // every handshake a full one
    SSL_CTX_set_mode(tls, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, BufferBytes + 2048);
    if (is_h2) SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x02h2", 3);
    else SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x08http/1.1", 9);
}

void write_all(Connection *c, const char *bytes, size_t length) {
    while (length > 0) {
        size_t part = length < WriteBytes ? length : WriteBytes;
        errno = 0;
        ssize_t written = c->ssl ? SSL_write(c->ssl, bytes, (int)part) : send(c->fd, bytes, part, MSG_NOSIGNAL);
        if (written <= 0) die("sending failed: %s", tls_error());
        bytes += written;
        length -= (size_t)written;
    }
}

void read_more(Connection *c) {
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

void open_connection(Connection *c) {
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

void close_connection(Connection *c) {
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
size_t read_answer(Connection *c, bool compare) {
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

void send_head(Connection *c, const char *method, size_t body) {
    char head[1024], length[64] = "";
    if (body) snprintf(length, sizeof length, "Content-Length: %zu\r\n", body);
    int bytes = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n%s%s%s\r\n", method, path, host, length, header ? header : "", header ? "\r\n" : "");
    write_all(c, head, (size_t)bytes);
}

size_t get(Connection *c, bool compare) {
    send_head(c, "GET", 0);
    return read_answer(c, compare);
}
