// A link with a round-trip time, for ./dev bench: forwards TCP connections and delivers every byte half the time after it came.
//
//   delay --listen PORT --to PORT --rtt-ms N
//
// Both ports are on 127.0.0.1. On loopback a connection is open at once, over a link only after a round trip: what a client sends before
// that is taken as sent then. Rates are not limited. One thread; ends with its process.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MostConnections = 4096, BlockBytes = 64 * 1024, MostWaitingBytes = 16 * 1024 * 1024 };

// Bytes on their way; a block of none is the end of them.
typedef struct Block {
    struct Block *next;
    double due;
    size_t start, end;
    char bytes[];
} Block;

typedef struct {
    Block *first, *last;
    size_t waiting;
    double earliest; // nothing counts as sent before this
    bool has_ended, is_blocked;
} Direction;

typedef struct {
    int fds[2]; // of the client, of the server
    Direction from[2];
} Link;

static Link links[MostConnections];
static size_t count;
static double round_trip;

static void die(const char *what) {
    fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void accept_link(int listener, int to) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
    if (client < 0) return;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(to);
    if (count == MostConnections || server < 0 || connect(server, (struct sockaddr *)&address, sizeof address)) {
        close(client);
        if (server >= 0) close(server);
        return;
    }

    fcntl(server, F_SETFL, O_NONBLOCK);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    double opened = now();
    links[count++] = (Link){.fds = {client, server}, .from = {{.earliest = opened + round_trip}, {.earliest = opened + round_trip / 2}}};
}

// Takes what has come. Returns false when the connection is broken.
static bool take(Link *l, int side) {
    Direction *d = &l->from[side];
    Block *block = malloc(sizeof *block + BlockBytes);
    if (!block) die("memory");
    ssize_t got = recv(l->fds[side], block->bytes, BlockBytes, 0);
    if (got < 0) {
        free(block);
        return errno == EAGAIN || errno == EINTR;
    }

    // Many small blocks would hold 64 KiB each.
    Block *fitting = realloc(block, sizeof *block + (size_t)got);
    block = fitting ? fitting : block;
    double sent = now();
    block->due = (sent > d->earliest ? sent : d->earliest) + round_trip / 2;
    block->start = 0;
    block->end = (size_t)got;
    block->next = NULL;
    if (d->first) d->last->next = block;
    else d->first = block;
    d->last = block;
    d->waiting += (size_t)got;
    d->has_ended = got == 0;
    return true;
}

// Delivers what is due. Returns false when the connection is broken, or both directions have ended.
static bool deliver(Link *l, int side, double at) {
    Direction *d = &l->from[side];
    int to = l->fds[!side];
    d->is_blocked = false;
    for (Block *block; (block = d->first) && block->due <= at;) {
        if (block->start == block->end) {
            shutdown(to, SHUT_WR);
        } else {
            ssize_t sent = send(to, block->bytes + block->start, block->end - block->start, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return false;
            if (sent > 0) block->start += (size_t)sent, d->waiting -= (size_t)sent;
            if (block->start < block->end) {
                d->is_blocked = true;
                return true;
            }
        }

        d->first = block->next;
        free(block);
    }

    return !(l->from[0].has_ended && !l->from[0].first && l->from[1].has_ended && !l->from[1].first);
}

static void end(size_t i) {
    for (int side = 0; side < 2; side++) {
        close(links[i].fds[side]);
        for (Block *block = links[i].from[side].first, *next; block; block = next) next = block->next, free(block);
    }

    links[i] = links[--count];
}

int main(int argc, char **argv) {
    int from = 0, to = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--listen")) from = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--to")) to = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--rtt-ms")) round_trip = atof(argv[i + 1]) / 1e3;
    }

    if (!from || !to || round_trip <= 0) {
        fprintf(stderr, "delay: --listen PORT, --to PORT and --rtt-ms N are needed\n");
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = loopback(from);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, MostConnections)) die("listening");

    static struct pollfd polled[1 + 2 * MostConnections];
    for (;;) {
        double next = now() + 10;
        polled[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        size_t polled_links = count;
        for (size_t i = 0; i < count; i++) {
            for (int side = 0; side < 2; side++) {
                Direction *in = &links[i].from[side], *out = &links[i].from[!side];
                bool is_read = !in->has_ended && in->waiting < MostWaitingBytes;
                // A side that has nothing to tell is not asked about: a hang-up would be told again and again.
                int fd = is_read || out->is_blocked ? links[i].fds[side] : -1;
                polled[1 + 2 * i + (size_t)side] = (struct pollfd){.fd = fd, .events = (short)((is_read ? POLLIN : 0) | (out->is_blocked ? POLLOUT : 0))};
                if (in->first && !in->is_blocked && in->first->due < next) next = in->first->due;
            }
        }

        double wait = next - now();
        if (wait < 0) wait = 0;
        struct timespec limit = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)};
        if (ppoll(polled, 1 + 2 * polled_links, &limit, NULL) < 0 && errno != EINTR) die("waiting");
        double at = now();
        for (size_t i = polled_links; i-- > 0;) {
            bool lives = true;
            for (int side = 0; side < 2 && lives; side++)
                if (polled[1 + 2 * i + (size_t)side].revents & (POLLIN | POLLHUP | POLLERR) && !links[i].from[side].has_ended) lives = take(&links[i], side);
            for (int side = 0; side < 2 && lives; side++) lives = deliver(&links[i], side, at);
            if (!lives) end(i);
        }

        if (polled[0].revents) accept_link(listener, to);
    }
}
