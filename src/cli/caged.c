/* caged.c - see caged.h. */
#include "cli/caged.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "cli/source.h"

enum { ARENA_MAX = 1 << 26, PARTS_MAX = 99999 };

static HthCageState state;
static bool caged;

const HthCageState *hth_caged_state(void) {
    return caged ? &state : NULL;
}

/* ---- the list of places --------------------------------------------------------------------- */

typedef struct List {
    HthArena *arena;
    HthCagePlace *places;
    size_t n, room;
    bool failed; /* out of memory */
} List;

static void add(List *l, const char *path, unsigned rights) {
    if (l->n == l->room) {
        const size_t room = l->room ? 2 * l->room : 64;
        HthCagePlace *more = hth_realloc(l->places, room, sizeof *more);
        l->failed |= more == NULL;
        if (more == NULL) return;
        l->places = more;
        l->room = room;
    }
    const char *copy = hth_arena_copy(l->arena, path, strlen(path));
    l->failed |= copy == NULL;
    if (copy != NULL) l->places[l->n++] = (HthCagePlace){ copy, rights };
}

static void add_below(List *l, const char *folder, const char *rest, unsigned rights) {
    char path[PATH_MAX];
    if (folder == NULL || folder[0] != '/') return;
    if (snprintf(path, sizeof path, "%s/%s", folder, rest) < (int)sizeof path) add(l, path, rights);
}

/* What any program of this system opens: libraries, locales, zones, and facts about the machine. */
static void add_system(List *l, bool terminal) {
    static const char *const common[] = { "/usr",
                                          "/lib",
                                          "/lib64",
                                          "/nix/store",
                                          "/gnu/store",
                                          "/etc/localtime",
                                          "/proc/self",
                                          "/proc/meminfo",
                                          "/proc/cpuinfo",
                                          "/sys/fs/cgroup",
                                          "/sys/devices/system",
                                          "/dev/null",
                                          "/dev/urandom" };
    for (size_t i = 0; i < HTH_COUNT(common); i++) add(l, common[i], HTH_CAGE_READ);
    add(l, "/dev/null", HTH_CAGE_WRITE);
    if (!terminal) return;
    add(l, "/etc/terminfo", HTH_CAGE_READ);
    add_below(l, getenv("TERMINFO"), "", HTH_CAGE_READ);
    add_below(l, getenv("HOME"), ".terminfo", HTH_CAGE_READ);
    add_below(l, getenv("HOME"), ".editrc", HTH_CAGE_READ);
}

/* NAME-00001-of-00003.gguf: where the number begins, and how many there are; 0: it is no part. */
static unsigned parts_of(const char *path, size_t *stem) {
    static const char shape[] = "-00000-of-00000.gguf";
    const size_t n = strlen(path), tail = sizeof shape - 1;
    if (n <= tail) return 0;
    const char *s = path + n - tail;
    for (size_t i = 0; i < tail; i++)
        if (shape[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i]) return 0;
    *stem = n - tail;
    return (unsigned)strtoul(s + strlen("-00000-of-"), NULL, 10);
}

static void add_model(List *l, const char *model) {
    char path[PATH_MAX];
    size_t stem = 0;
    if (hth_source_is_ember(model) || strlen(model) >= sizeof path) return;
    add(l, model, HTH_CAGE_READ);
    if (snprintf(path, sizeof path, "%s.panels", model) < (int)sizeof path)
        add(l, path, HTH_CAGE_READ);
    const unsigned parts = parts_of(model, &stem);
    for (unsigned i = 1; i <= parts && i <= PARTS_MAX; i++)
        if (snprintf(path, sizeof path, "%.*s-%05u-of-%05u.gguf", (int)stem, model, i, parts) <
            (int)sizeof path)
            add(l, path, HTH_CAGE_READ);
}

/* A file is written beside its name and then moved there; a link is followed first. */
static void add_output(List *l, const char *path) {
    char target[PATH_MAX];
    if (strlen(path) >= sizeof target) return;
    if (realpath(path, target) == NULL) memcpy(target, path, strlen(path) + 1);
    add(l, target, HTH_CAGE_READ | HTH_CAGE_WRITE);
    char *slash = strrchr(target, '/');
    if (slash == NULL)
        memcpy(target, ".", 2);
    else
        slash[slash == target] = '\0';
    if (strcmp(target, "/dev") != 0) add(l, target, HTH_CAGE_READ | HTH_CAGE_WRITE | HTH_CAGE_MAKE);
}

static void fill(List *l, const HthCaged *c) {
    add_system(l, c->terminal);
    for (size_t i = 0; i < c->more_count; i++) add(l, c->more[i], HTH_CAGE_READ);
    if (c->removes != NULL) add(l, c->removes, HTH_CAGE_REMOVE);
    const unsigned make = HTH_CAGE_READ | HTH_CAGE_WRITE | HTH_CAGE_MAKE;
    for (size_t i = 0; i < HTH_CAGED_NAMES; i++) {
        if (c->trees[i] != NULL) add(l, c->trees[i], make | HTH_CAGE_FOLDERS);
        if (c->models[i] != NULL) add_model(l, c->models[i]);
        if (c->reads[i] != NULL) add(l, c->reads[i], HTH_CAGE_READ);
        if (c->writes[i] != NULL) add_output(l, c->writes[i]);
        if (c->keeps[i] != NULL) add(l, c->keeps[i], HTH_CAGE_READ | HTH_CAGE_WRITE);
        if (c->makes[i] != NULL) add(l, c->makes[i], make);
    }
}

/* Whoever started this program may have left it sockets. To whom they lead was decided by nobody
 * here, and what is read or written needs no call that a cage denies. */
static void close_sockets(void) {
    struct stat st;
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL) return;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        uint64_t fd = 0;
        if (!hth_str_u64(hth_str(e->d_name), &fd) || fd <= STDERR_FILENO || fd > INT_MAX) continue;
        if (fstat((int)fd, &st) == 0 && S_ISSOCK(st.st_mode)) close((int)fd);
    }
    closedir(d);
}

/* ---- closing it ----------------------------------------------------------------------------- */

static int say_what_is_lost(const HthCaged *c) {
    fprintf(stderr, "hearth: not in a cage, as asked: %s\n",
            c->lost != NULL ? c->lost
                            : "a fault in reading this file could reach the network, other files "
                              "and other programs");
    return HTH_EXIT_OK;
}

bool hth_caged_off(bool asked) {
    const char *none = getenv("HEARTH_NO_CAGE");
    return asked || (none != NULL && none[0] != '\0');
}

void hth_caged_tree(const char *path) {
    char part[PATH_MAX];
    for (size_t n = 1; path[0] == '/' && n < sizeof part; n++) {
        if (path[n] != '/' && path[n] != '\0') continue;
        memcpy(part, path, n);
        part[n] = '\0';
        (void)mkdir(part, 0700);
        if (path[n] == '\0') break;
    }
}

int hth_caged(const HthCaged *c) {
    HthErr err = { 0 };
    List l = { 0 };
    HthCageState s;
    if (hth_caged_off(c->off)) return say_what_is_lost(c);
    if (hth_arena_open(&l.arena, ARENA_MAX, &err) != HTH_OK) return hth_cli_fail(&err);
    fill(&l, c);
    if (!c->front && !c->main) close_sockets(); /* of those it is known which they have */
    /* Stays open: the folder that stands for this process is one the system might forget. */
    const int self = open("/proc/self", O_PATH | O_CLOEXEC);
    (void)self;
    const HthCageKind kind = c->front ? HTH_CAGE_FRONT : c->main ? HTH_CAGE_MAIN : HTH_CAGE_ENGINE;
    const HthCageCfg cfg = { kind, l.places, l.n };
    HthStatus st = l.failed ? HTH_FAIL(&err, HTH_ENOMEM, "out of memory for the cage")
                            : hth_cage_enter(&cfg, &s, &err);
    hth_free(l.places);
    hth_arena_close(&l.arena);
    if (st != HTH_OK)
        return hth_cli_error(HTH_EXIT_OS, "%s; HEARTH_NO_CAGE=1 goes without it", err.text);
    if (!caged) state = s; /* the second has no namespace to make */
    caged = true;
    return HTH_EXIT_OK;
}
