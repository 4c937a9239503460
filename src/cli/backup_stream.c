/* backup_stream.c - see backup.h.
 *
 * Thread: the main thread. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/backup.h"
#include "cli/cli.h"
#include "cli/term.h"

int hth_cli_stream_open(HthCliStream *s, const char *path, const char *what) {
    struct stat st;
    const int code = hth_cli_readable(path);
    *s = (HthCliStream){ .fd = -1, .what = what };
    if (code) return code;
    s->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode)) s->total = (uint64_t)st.st_size;
    return HTH_EXIT_OK;
}

static HthStatus source(void *stream, void *out, size_t room, size_t *n, HthErr *err) {
    HthCliStream *s = stream;
    ssize_t got;
    do got = read(s->fd, out, room);
    while (got < 0 && errno == EINTR);
    HTH_REQUIRE(got >= 0, err, HTH_EIO, "the backup cannot be read: %s", strerror(errno));
    s->done += (uint64_t)got;
    if (s->done > s->total) s->total = 0; /* it grew, or was not read from its beginning */
    hth_progress(s->what, s->done >> 20, s->total >> 20);
    *n = (size_t)got;
    return HTH_OK;
}

void hth_cli_stream_close(HthCliStream *s) {
    hth_progress_end();
    if (s->fd > STDIN_FILENO) close(s->fd);
    s->fd = -1;
}

HthAgeFrom hth_cli_age_from(const HthCliAge *a, HthCliStream *s) {
    return (HthAgeFrom){ .identities = (const uint8_t(*)[32])a->keys,
                         .count = a->count,
                         .passphrase = { a->passphrase, a->passphrase_n },
                         .source = source,
                         .payload = s };
}
