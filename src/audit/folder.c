/* folder.c - see folder.h.
 *
 * Thread: any. */
#include "audit/folder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const HthAuditTree hth_audit_trees[HTH_AUDIT_TREES] = {
    { HTH_SHA3_256, "sha3", "/sha3" },
    { HTH_SHA256, "sha256", "" },
};

unsigned hth_audit_tree_of(HthHashKind kind) {
    return hth_audit_trees[0].kind == kind ? 0 : 1;
}

HthStatus hth_audit_path(char out[PATH_MAX], const char *folder, const char *tree, const char *name,
                         HthErr *err) {
    const int n =
        snprintf(out, PATH_MAX, "%s%s%s/%s", folder, tree ? "/" : "", tree ? tree : "", name);
    HTH_REQUIRE(n > 0 && n < PATH_MAX && strlen(folder) < HTH_AUDIT_FOLDER_MAX, err, HTH_EINVAL,
                "the path of the log's folder is too long");
    return HTH_OK;
}

bool hth_audit_there(const char *path) {
    return access(path, F_OK) == 0;
}

/* One key, whose name is the origin, with each tree's suffix behind it. */
static bool one_log(const HthVkey v[HTH_AUDIT_TREES]) {
    const HthStr suffix = hth_str(hth_audit_trees[0].suffix), name = hth_str(v[0].name);
    return hth_str_starts(name, hth_str(v[1].name)) &&
           hth_str_eq(hth_str_sub(name, strlen(v[1].name), SIZE_MAX), suffix) &&
           memcmp(v[0].key, v[1].key, sizeof v[0].key) == 0;
}

HthStatus hth_audit_read_vkeys(HthVkey out[HTH_AUDIT_TREES], const char *folder, HthErr *err) {
    char path[PATH_MAX];
    HthVkey v[HTH_AUDIT_TREES];
    HthBuf text;
    HTH_TRY(hth_audit_path(path, folder, NULL, "vkey", err));
    hth_buf_init(&text, 4096);
    HthStatus status = hth_file_read(&text, path, err);
    HthStr rest = hth_buf_str(&text), line;
    for (unsigned i = 0; status == HTH_OK && i < HTH_AUDIT_TREES; i++) {
        if (!hth_note_line(&rest, &line))
            status =
                HTH_FAIL(err, HTH_EFORMAT, "%.150s does not have %d lines", path, HTH_AUDIT_TREES);
        else
            status = hth_vkey_parse(&v[i], line, err);
    }
    if (status == HTH_OK && (rest.n || !one_log(v)))
        status = HTH_FAIL(err, HTH_EFORMAT, "%.150s is not as hearth wrote it", path);
    hth_buf_drop(&text);
    if (status == HTH_OK) memcpy(out, v, sizeof v);
    return status;
}

HthStatus hth_audit_read_checkpoint(HthCheckpoint *c, bool *there_out, HthBuf *note,
                                    const char *folder, unsigned tree, const HthVkey *v,
                                    HthErr *err) {
    char path[PATH_MAX];
    HthErr why;
    HTH_TRY(hth_audit_path(path, folder, hth_audit_trees[tree].folder, "checkpoint", err));
    HTH_TRY(hth_file_there(there_out, path, err));
    if (!*there_out) return HTH_OK;
    HTH_TRY(hth_file_read(note, path, err));
    const HthStatus status = hth_checkpoint_open(c, hth_buf_str(note), v, &why);
    HTH_REQUIRE(status == HTH_OK, err, status, "%.100s: %s", path, why.text);
    return HTH_OK;
}

HthStatus hth_audit_reader_open(HthAuditReader *r, const char *folder, HthErr *err) {
    char path[PATH_MAX];
    HthFileMap map = { 0 };
    const size_t n = sizeof HTH_LOG_MAGIC - 1;
    HTH_TRY(hth_audit_path(path, folder, NULL, "log", err));
    HTH_TRY(hth_file_map(&map, path, err));
    if (map.n < n || memcmp(map.data, HTH_LOG_MAGIC, n) != 0) {
        hth_file_unmap(&map);
        return HTH_FAIL(err, HTH_EFORMAT,
                        "%.150s is not an audit log of hearth, or its first bytes were changed",
                        path);
    }
    *r = (HthAuditReader){ .map = map, .at = n };
    return HTH_OK;
}

void hth_audit_reader_close(HthAuditReader *r) {
    hth_file_unmap(&r->map);
}

bool hth_audit_next(HthAuditReader *r, HthRecord *out) {
    HthRecord rec;
    const size_t n = hth_record_get(&rec, r->map.data + r->at, r->map.n - r->at);
    if (!n || rec.index != r->next || rec.synced > rec.index || rec.synced < r->synced)
        return false;
    r->at += n;
    r->next++;
    r->synced = rec.synced;
    *out = rec;
    return true;
}

bool hth_audit_is_checkpoint(HthStr entry) {
    const HthStr sign = HTH_STR("\"type\":\"checkpoint\"");
    return memmem(entry.p, entry.n, sign.p, sign.n) != NULL;
}
