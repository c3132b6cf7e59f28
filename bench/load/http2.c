// GETs over HTTP/2, some at a time on each connection.
#include "load.h"
#include <nghttp2/nghttp2.h>
#include <string.h>

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

void *ask_over_h2(void *argument) {
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
