/* store_scan.c - which models there are: walks folders and manifests, opens no model file.
 *
 * Thread: see store_int.h. */
#include "vault/store_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sum.h"
#include "vault/beneath.h"

static HthStatus no_memory(HthScan *s) {
    return HTH_FAIL(s->err, HTH_ENOMEM, "out of memory for the list of models");
}

static HthStatus add(HthScan *s, HthFound **out) {
    HTH_REQUIRE(s->count < HTH_STORE_MAX, s->err, HTH_ELIMIT,
                "there are more than %d models in the folders searched", HTH_STORE_MAX);
    if (s->count == s->cap) {
        const size_t cap = s->cap ? 2 * s->cap : 32;
        HthFound *p = hth_realloc(s->found, cap, sizeof *p);
        if (!p) return no_memory(s);
        s->found = p;
        s->cap = cap;
    }
    *out = &s->found[s->count++];
    **out = (HthFound){ .info = { .path = NULL, .parent = "", .digest = "", .error = "" },
                        .base = SIZE_MAX };
    return HTH_OK;
}

static const char *join(HthScan *s, const char *a, const char *b, const char *c) {
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s%s%s", a, b, c);
    return n < 0 || n >= (int)sizeof path ? NULL : hth_arena_copy(s->arena, path, (size_t)n);
}

static HthStatus named(HthScan *s, HthFound *f, const HthName *name) {
    char full[HTH_NAME_MAX + 1];
    hth_name_print(full, name);
    f->info.name = *name;
    f->info.full = hth_arena_copy(s->arena, full, strlen(full));
    return f->info.full ? HTH_OK : no_memory(s);
}

HthIdent hth_ident_of(const struct stat *st) {
    return (HthIdent){ (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                       (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
}

/* ---- files ----------------------------------------------------------------------------------- */

/* One folder that is being walked: below root, "" or "SPACE/". */
typedef struct Walk {
    HthScan *s;
    size_t folder; /* which of the store's */
    int fd;
    const char *space;
} Walk;

static void left_out(const Walk *w, const char *file, const char *why) {
    bool plain = true;
    if (w->s->only) return;
    for (const char *p = file; *p; p++) plain = plain && *p >= ' ' && *p <= '~';
    if (!w->s->m->told)
        hth_log(HTH_LOG_WARN, "%s/%s%s is left out: %s", w->s->m->folders[w->folder], w->space,
                plain ? file : "(a name with odd characters)", why);
}

/* Links are followed while they stay beneath the folder. */
static const char *look(const Walk *w, const char *file, struct stat *st) {
    if (fstatat(w->fd, file, st, AT_SYMLINK_NOFOLLOW)) return "it cannot be examined";
    if (S_ISLNK(st->st_mode)) {
        const int fd = hth_beneath_open(w->fd, file, O_PATH, 0);
        const bool ok = fd >= 0 && !fstat(fd, st);
        if (fd >= 0) close(fd);
        if (!ok)
            return "it is a link that leads out of its folder; name the folder that the file is in "
                   "with --models, or put the file itself here";
    }
    return S_ISREG(st->st_mode) ? NULL : "it is not a regular file";
}

HthStatus hth_store_part(HthBuf *out, const HthStored *info, uint32_t part, HthErr *err) {
    const size_t n = strlen(info->path) - strlen("-00001-of-00001.gguf");
    hth_buf_clear(out);
    HTH_TRY(hth_buf_add(out, info->path, n, err));
    return hth_buf_printf(out, err, "-%05u-of-%05u.gguf", part, info->parts);
}

/* Sizes and times of parts 2 to N are added to the first one's. */
static const char *look_parts(const Walk *w, HthStr base, uint32_t count, HthIdent *id) {
    char file[NAME_MAX + 1];
    for (uint32_t i = 2; i <= count; i++) {
        struct stat st;
        const int n =
            snprintf(file, sizeof file, "%.*s-%05u-of-%05u.gguf", HTH_STR_ARG(base), i, count);
        if (n < 0 || n >= (int)sizeof file || look(w, file, &st))
            return "a part of it is missing; all parts must be in one folder";
        const HthIdent part = hth_ident_of(&st);
        id->bytes += part.bytes;
        if (part.mtime_ns > id->mtime_ns) id->mtime_ns = part.mtime_ns;
    }
    return NULL;
}

static bool is_wanted(const HthScan *s, const HthName *name) {
    return !s->only || hth_name_eq(s->only, name);
}

/* file ends in .gguf */
static HthStatus take_file(Walk *w, const char *file) {
    HthName name = { .tag = "latest" };
    HthNameSplit split = { 0 };
    HthStr stem = { file, strlen(file) - 5 };
    const bool is_split = hth_name_split(&split, stem);
    if (is_split && split.part != 1) return HTH_OK; /* the first part stands for all */
    if (is_split) stem.n = split.base_n;
    if (!hth_name_part_ok(stem)) {
        left_out(w, file, "its name is none a model can have (see the manual)");
        return HTH_OK;
    }
    memcpy(name.name, stem.p, stem.n);
    snprintf(name.space, sizeof name.space, "%.*s", (int)strcspn(w->space, "/"), w->space);
    if (!is_wanted(w->s, &name)) return HTH_OK;
    struct stat st;
    const char *wrong = look(w, file, &st);
    HthFound *f;
    HTH_TRY(add(w->s, &f));
    HTH_TRY(named(w->s, f, &name));
    const HthStore *m = w->s->m;
    if (wrong) st = (struct stat){ 0 };
    f->id = hth_ident_of(&st);
    f->info.parts = is_split ? split.count : 1;
    if (!wrong && is_split) wrong = look_parts(w, stem, split.count, &f->id);
    f->folder = w->folder;
    f->info.path = join(w->s, m->folders[w->folder], "/", "");
    if (f->info.path) f->info.path = join(w->s, f->info.path, w->space, file);
    f->manifest_path = join(w->s, w->space, name.name, ".json");
    if (!f->info.path || !f->manifest_path) return no_memory(w->s);
    f->info.error = wrong ? wrong : "";
    f->info.bytes = f->id.bytes;
    f->info.modified_ns = f->id.mtime_ns;
    f->info.own = m->home && w->folder == 0;
    return HTH_OK;
}

static HthStatus walk(HthScan *s, size_t folder, int fd, const char *space);

static HthStatus take_space(Walk *w, const char *name) {
    if (!hth_name_part_ok(hth_str(name)) || !strcmp(name, "blobs") || !strcmp(name, "manifests"))
        return HTH_OK;
    if (w->s->only && strcmp(w->s->only->space, name) != 0) return HTH_OK;
    const int fd = hth_beneath_open_nolinks(w->fd, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return HTH_OK; /* not a folder, or none for us */
    char space[HTH_NAME_PART_MAX + 2];
    const size_t n = strlen(name); /* at most HTH_NAME_PART_MAX: it is a good part of a name */
    memcpy(space, name, n);
    memcpy(space + n, "/", 2);
    return walk(w->s, w->folder, fd, space);
}

/* Takes fd. */
static HthStatus walk(HthScan *s, size_t folder, int fd, const char *space) {
    Walk w = { s, folder, fd, space };
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return HTH_OK;
    }
    HthStatus status = HTH_OK;
    for (const struct dirent *e; status == HTH_OK && (e = readdir(dir));) {
        if (hth_str_ends(hth_str(e->d_name), HTH_STR(".gguf")))
            status = take_file(&w, e->d_name);
        else if (!space[0] && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
            status = take_space(&w, e->d_name);
    }
    closedir(dir);
    return status;
}

/* ---- manifests ------------------------------------------------------------------------------- */

void hth_manifest_path(char out[512], const HthName *name) {
    snprintf(out, 512, "manifests/%s%s%s/%s.json", name->space, name->space[0] ? "/" : "",
             name->name, name->tag);
}

static HthStatus read_fd(HthBuf *out, int fd, const char *path, HthErr *err) {
    struct stat st;
    const bool regular = !hth_file_fault() && !fstat(fd, &st) && S_ISREG(st.st_mode);
    HTH_REQUIRE(regular, err, HTH_EIO, "%s is not a regular file", path);
    for (;;) {
        char chunk[4096];
        const ssize_t n = hth_file_fault() ? -1 : read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n >= 0, err, HTH_EIO, "cannot read %s: %s", path, strerror(errno));
        if (!n) return HTH_OK;
        HTH_TRY(hth_buf_add(out, chunk, (size_t)n, err));
    }
}

HthStatus hth_manifest_read(json_t **out, int folder, const char *path, HthErr *err) {
    *out = NULL;
    const int fd = hth_beneath_open(folder, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0 && errno == ENOENT) return HTH_OK;
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %s: %s", path, strerror(errno));
    HthBuf text;
    hth_buf_init(&text, HTH_MANIFEST_MAX);
    HthStatus status = read_fd(&text, fd, path, err);
    close(fd);
    if (status == HTH_OK) status = hth_json_parse(out, hth_buf_str(&text), HTH_MANIFEST_MAX, err);
    hth_buf_drop(&text);
    if (status == HTH_OK && !json_is_integer(json_object_get(*out, "hearth"))) {
        json_decref(*out); /* somebody else's file of that name */
        *out = NULL;
    }
    if (status == HTH_OK && *out) {
        status = hth_settings_check(*out, err);
        if (status != HTH_OK) {
            json_decref(*out);
            *out = NULL;
        }
    }
    return status == HTH_EINVAL || status == HTH_ELIMIT ? HTH_EFORMAT : status;
}

uint64_t hth_revision_after(uint64_t revision, const struct stat *manifest) {
    const HthIdent id = hth_ident_of(manifest);
    return hth_sum64(revision, &id, sizeof id);
}

static HthStatus keep_error(HthScan *s, HthFound *f, const HthErr *err) {
    f->info.error = hth_arena_copy(s->arena, err->text, strlen(err->text));
    return f->info.error ? HTH_OK : no_memory(s);
}

static HthStatus take_manifest(HthScan *s, int home, const HthName *name) {
    HthFound *f;
    HthErr why = { 0 };
    char path[512];
    struct stat st = { 0 };
    HTH_TRY(add(s, &f));
    HTH_TRY(named(s, f, name));
    hth_manifest_path(path, name);
    f->manifest_path = hth_arena_copy(s->arena, path, strlen(path));
    if (!f->manifest_path) return no_memory(s);
    f->info.own = f->info.made = true;
    (void)fstatat(home, path, &st, AT_SYMLINK_NOFOLLOW);
    f->info.modified_ns = hth_ident_of(&st).mtime_ns;
    f->revision = hth_revision_after(0, &st);
    json_t *manifest = NULL;
    const HthStatus status = hth_manifest_read(&manifest, home, path, &why);
    if (status == HTH_ENOMEM) return no_memory(s);
    f->manifest = manifest;
    if (status != HTH_OK) return keep_error(s, f, &why);
    if (!manifest) f->info.error = "its manifest does not say that it is one (\"hearth\": 1)";
    return HTH_OK;
}

/* manifests/A/TAG.json, manifests/A/B/TAG.json; depth counts what is in parts. Takes fd. */
static HthStatus walk_manifests(HthScan *s, int home, int fd, HthStr *parts, size_t depth) {
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return HTH_OK;
    }
    HthStatus status = HTH_OK;
    for (const struct dirent *e; status == HTH_OK && (e = readdir(dir));) {
        const HthStr entry = hth_str(e->d_name), ending = HTH_STR(".json");
        const HthStr stem = hth_str_sub(entry, 0, entry.n > 5 ? entry.n - 5 : 0);
        if (depth && hth_str_ends(entry, ending) && hth_name_part_ok(stem)) {
            HthName name = { .tag = "" };
            const HthStr last = parts[depth - 1];
            memcpy(name.tag, stem.p, stem.n);
            memcpy(name.name, last.p, last.n);
            if (depth == 2) memcpy(name.space, parts[0].p, parts[0].n);
            status = take_manifest(s, home, &name);
        } else if (depth < 2 && hth_name_part_ok(entry)) {
            const int next = hth_beneath_open_nolinks(fd, e->d_name, O_RDONLY | O_DIRECTORY, 0);
            parts[depth] = entry;
            if (next >= 0) status = walk_manifests(s, home, next, parts, depth + 1);
        }
    }
    closedir(dir);
    return status;
}

/* ---- one name alone -------------------------------------------------------------------------- */

static HthStatus take_embedded(HthScan *s) {
    HthFound *f;
    if (!s->m->embedded.n || !is_wanted(s, &s->m->embedded_name)) return HTH_OK;
    HTH_TRY(add(s, &f));
    HTH_TRY(named(s, f, &s->m->embedded_name));
    f->info.parts = 1;
    f->info.memory = s->m->embedded;
    f->info.bytes = s->m->embedded.n;
    return HTH_OK;
}

static HthStatus take_files(HthScan *s) {
    for (size_t i = 0; i < s->m->folder_count; i++) {
        const int fd = hth_folder_open(s->m->folders[i], false);
        if (fd >= 0) HTH_TRY(walk(s, i, fd, ""));
    }
    return take_embedded(s);
}

static bool has_manifest(int home, const HthName *name) {
    char path[512];
    struct stat st;
    hth_manifest_path(path, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    const int fd = hth_beneath_open_nolinks(home, path, O_RDONLY | O_DIRECTORY, 0);
    const bool there = fd >= 0 && !fstatat(fd, slash + 1, &st, AT_SYMLINK_NOFOLLOW);
    if (fd >= 0) close(fd);
    return there;
}

/* All that has this name, in the order of a whole scan. home -1: none. */
static HthStatus take_name(HthScan *s, int home, const HthName *name) {
    const HthName *before = s->only;
    if (hth_scan_find(s, name)) return HTH_OK; /* was taken before */
    s->only = name;
    HthStatus status = take_files(s);
    s->only = before;
    if (status == HTH_OK && home >= 0 && has_manifest(home, name))
        status = take_manifest(s, home, name);
    return status;
}

/* ---- made from what -------------------------------------------------------------------------- */

HthFound *hth_scan_find(HthScan *s, const HthName *name) {
    HthFound *best = NULL;
    for (size_t i = 0; i < s->count; i++) {
        HthFound *f = &s->found[i];
        if (!hth_name_eq(&f->info.name, name)) continue;
        if (f->info.made) return f;
        if (!best) best = f;
    }
    return best;
}

/* What `f` names as its base: another one, or a file of its own name. */
static HthFound *base_of(HthScan *s, const HthFound *f, const HthName *name) {
    HthFound *best = NULL;
    const bool self = hth_name_eq(&f->info.name, name);
    for (size_t i = 0; i < s->count; i++) {
        HthFound *other = &s->found[i];
        if (!hth_name_eq(&other->info.name, name) || (self && other->info.made)) continue;
        if (other->info.made) return other;
        if (!best) best = other;
    }
    return best;
}

static HthStatus use_blob(HthScan *s, HthFound *f, int home, const char *digest) {
    char hex[65], path[96];
    struct stat st;
    HthErr why = { 0 };
    if (hth_digest_parse(hex, hth_str(digest), &why) != HTH_OK) return keep_error(s, f, &why);
    snprintf(path, sizeof path, "blobs/sha256-%s", hex);
    const int fd = hth_beneath_open_nolinks(home, path, O_PATH, 0);
    const bool there = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
    if (fd >= 0) close(fd);
    if (!there) {
        f->info.error = "the file it was made from is gone (home/blobs)";
        return HTH_OK;
    }
    f->id = hth_ident_of(&st);
    f->info.parts = 1;
    f->info.bytes = f->id.bytes;
    f->info.path = join(s, s->m->home, "/", path);
    return f->info.path ? HTH_OK : no_memory(s);
}

static HthStatus text_in(HthScan *s, const json_t *o, const char *member, const char **out) {
    const json_t *v = json_object_get(o, member);
    *out = NULL;
    if (!json_is_string(v) || !json_string_length(v)) return HTH_OK;
    *out = hth_arena_copy(s->arena, json_string_value(v), json_string_length(v));
    return *out ? HTH_OK : no_memory(s);
}

/* Fills in where the bytes of made model i are, from its base, and its base's base. */
static HthStatus resolve(HthScan *s, size_t i, int home, unsigned depth) {
    HthFound *f = &s->found[i];
    const char *digest, *from;
    HthName name;
    if (!f->info.made || f->info.path || f->info.memory.n || f->info.error[0]) return HTH_OK;
    HTH_TRY(text_in(s, f->manifest, "file", &digest));
    HTH_TRY(text_in(s, f->manifest, "from", &from));
    if (from) f->info.parent = from;
    if (digest) return use_blob(s, f, home, digest);
    HthErr why = { 0 };
    if (!from) {
        f->info.error = "its manifest names neither a model (from) nor a blob (file)";
        return HTH_OK;
    }
    if (hth_name_parse(&name, hth_str(from), &why) != HTH_OK) return keep_error(s, f, &why);
    if (s->only) HTH_TRY(take_name(s, home, &name));
    f = &s->found[i]; /* there may be more of them now */
    HthFound *base = depth < HTH_FROM_DEPTH_MAX ? base_of(s, f, &name) : NULL;
    if (!base) {
        f->info.error = depth < HTH_FROM_DEPTH_MAX
                            ? "the model it was made from is gone"
                            : "it is made from itself, or from too long a row of models";
        return HTH_OK;
    }
    const size_t at = (size_t)(base - s->found);
    f->base = at;
    HTH_TRY(resolve(s, at, home, depth + 1));
    f = &s->found[i];
    base = &s->found[at];
    f->id = base->id;
    f->info.parts = base->info.parts;
    f->folder = base->folder;
    f->info.path = base->info.path;
    f->info.memory = base->info.memory;
    f->info.bytes = base->info.bytes;
    f->info.error = base->info.error;
    return HTH_OK;
}

static HthStatus resolve_all(HthScan *s, int home, HthStatus status) {
    for (size_t i = 0; status == HTH_OK && i < s->count; i++) status = resolve(s, i, home, 0);
    if (home >= 0) close(home);
    return status;
}

static HthStatus scan(HthScan *s) {
    HTH_TRY(take_files(s));
    s->m->told = true;
    const int home = s->m->home ? hth_folder_open(s->m->home, false) : -1;
    HthStr parts[2];
    const int fd =
        home >= 0 ? hth_beneath_open_nolinks(home, "manifests", O_RDONLY | O_DIRECTORY, 0) : -1;
    return resolve_all(s, home, fd >= 0 ? walk_manifests(s, home, fd, parts, 0) : HTH_OK);
}

HthStatus hth_scan_all(HthScan *s, HthStore *m, HthErr *err) {
    *s = (HthScan){ .m = m, .err = err };
    HTH_TRY(hth_arena_open(&s->arena, (size_t)256 << 20, err));
    const HthStatus status = scan(s);
    if (status != HTH_OK) hth_scan_drop(s);
    return status;
}

HthStatus hth_scan_name(HthScan *s, HthStore *m, const HthName *name, HthErr *err) {
    *s = (HthScan){ .m = m, .only = name, .err = err };
    HTH_TRY(hth_arena_open(&s->arena, (size_t)256 << 20, err));
    const int home = m->home ? hth_folder_open(m->home, false) : -1;
    const HthStatus status = resolve_all(s, home, take_name(s, home, name));
    if (status != HTH_OK) hth_scan_drop(s);
    return status;
}

void hth_scan_drop(HthScan *s) {
    for (size_t i = 0; i < s->count; i++) {
        json_decref(s->found[i].manifest);
        json_decref(s->found[i].settings);
    }
    hth_free(s->found);
    hth_arena_close(&s->arena);
    *s = (HthScan){ 0 };
}
