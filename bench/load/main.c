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
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct sockaddr_in to;
const char *host, *path = "/", *header, *authority, *payload;
size_t payload_bytes, streams = 8;
double seconds = 1, rate = 100;
static bool verify;

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
    bool is_h2 = !strcmp(mode, "h2");
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare_tls(ca, is_h2);

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
