/* folder.c - see folder.h.
 *
 * Thread: any. */
#include "import/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/name.h"

void hth_import_shown(HthStr s, char out[HTH_IMPORT_SHOWN_MAX]) {
    const size_t n = s.n < HTH_IMPORT_SHOWN_MAX ? s.n : HTH_IMPORT_SHOWN_MAX - 1;
    for (size_t i = 0; i < n; i++) out[i] = s.p[i] > ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    out[n] = '\0';
}

HthStatus hth_import_folder(HthImportFolder *out, const char *path, HthErr *err) {
    HthImportFolder f = { .name = "model" };
    struct stat st;
    HTH_REQUIRE(realpath(path, f.path) != NULL, err, HTH_EIO, "cannot open %.150s: %s", path,
                strerror(errno));
    HTH_REQUIRE(stat(f.path, &st) == 0 && S_ISDIR(st.st_mode), err, HTH_EINVAL,
                "%.150s is no folder: what is imported is the folder of a model, with its "
                "config.json",
                path);
    const char *slash = strrchr(f.path, '/');
    if (slash != NULL && slash[1] != '\0' && strlen(slash + 1) < sizeof f.name)
        snprintf(f.name, sizeof f.name, "%s", slash + 1);
    *out = f;
    return HTH_OK;
}

HthStatus hth_import_path(const HthImportFolder *f, HthStr name, char out[PATH_MAX], bool *there,
                          HthErr *err) {
    char path[PATH_MAX], real[PATH_MAX], shown[HTH_IMPORT_SHOWN_MAX];
    const size_t n = strlen(f->path);
    hth_import_shown(name, shown);
    HTH_REQUIRE(hth_str_is_name(name, NAME_MAX), err, HTH_EDENIED,
                "'%s' is no plain name of a file in the folder: it is not opened", shown);
    HTH_REQUIRE(snprintf(path, sizeof path, "%s/%.*s", f->path, HTH_STR_ARG(name)) <
                    (int)sizeof path,
                err, HTH_EINVAL, "the folder's path is too long");
    out[0] = '\0';
    *there = false;
    if (realpath(path, real) == NULL) {
        HTH_REQUIRE(errno == ENOENT, err, HTH_EIO, "cannot open %s: %s", shown, strerror(errno));
        return HTH_OK;
    }
    const bool in = strncmp(real, f->path, n) == 0 && (real[n] == '/' || n == 1);
    HTH_REQUIRE(in, err, HTH_EDENIED,
                "%s is a link that leads out of the folder: it is not followed; copy the folder "
                "with its links resolved (cp -rL) and import the copy",
                shown);
    memcpy(out, real, strlen(real) + 1);
    *there = true;
    return HTH_OK;
}

HthStatus hth_import_inner(HthImportFolder *out, const HthImportFolder *f, HthStr name, bool *there,
                           HthErr *err) {
    HthImportFolder inner = { .name = "" };
    struct stat st;
    HTH_TRY(hth_import_path(f, name, inner.path, there, err));
    if (!*there) return HTH_OK;
    HTH_REQUIRE(stat(inner.path, &st) == 0 && S_ISDIR(st.st_mode), err, HTH_EFORMAT,
                "%.*s is no folder", HTH_STR_ARG(name));
    snprintf(inner.name, sizeof inner.name, "%.*s", HTH_STR_ARG(name));
    *out = inner;
    return HTH_OK;
}

HthStatus hth_import_text(const HthImportFolder *f, const char *name, HthBuf *out, bool *there,
                          HthErr *err) {
    char path[PATH_MAX];
    HTH_TRY(hth_import_path(f, hth_str(name), path, there, err));
    return *there ? hth_file_read(out, path, err) : HTH_OK;
}

HthStatus hth_import_json(const HthImportFolder *f, const char *name, size_t bytes_max,
                          json_t **out, HthErr *err) {
    HthErr why = { 0 };
    HthBuf text;
    json_t *v = NULL;
    bool there = false;
    hth_buf_init(&text, bytes_max);
    HthStatus st = hth_import_text(f, name, &text, &there, err);
    if (st == HTH_OK && there) {
        st = hth_json_parse(&v, hth_buf_str(&text), bytes_max, &why);
        if (st != HTH_OK) st = HTH_FAIL(err, st, "%s: %.150s", name, why.text);
    }
    hth_buf_drop(&text);
    if (st == HTH_OK && v != NULL && !json_is_object(v))
        st = HTH_FAIL(err, HTH_EFORMAT, "%s is JSON, but no object", name);
    if (st == HTH_OK)
        *out = v;
    else
        json_decref(v);
    return st;
}

HthStatus hth_import_out(const HthImportFolder *f, const char *out, bool force, HthErr *err) {
    char real[PATH_MAX];
    struct stat st;
    const size_t n = strlen(f->path);
    if (stat(out, &st) != 0) return HTH_OK;
    HTH_REQUIRE(!S_ISDIR(st.st_mode), err, HTH_EINVAL, "%.150s is a folder, and a file is wanted",
                out);
    HTH_REQUIRE(force || !S_ISREG(st.st_mode), err, HTH_EINVAL,
                "%.150s is there already: --force replaces it", out);
    const bool known = realpath(out, real) != NULL;
    const bool in = known && strncmp(real, f->path, n) == 0 && real[n] == '/';
    HTH_REQUIRE(!in || hth_str_ends(hth_str(real), HTH_STR(".gguf")), err, HTH_EINVAL,
                "%.150s is a file of the model: it is not replaced", out);
    return HTH_OK;
}
