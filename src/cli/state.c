/* state.c - see state.h. */
#include "cli/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *variable, *below;
} places[] = { { "HEARTH_STATE", "" },
               { "XDG_STATE_HOME", "/hearth" },
               { "HOME", "/.local/state/hearth" } };

static HthStatus make_all(char *path, HthErr *err) {
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != 0) continue;
        const char kept = *p;
        *p = 0;
        int rc = mkdir(path, 0700);
        const int why = errno;
        *p = kept;
        HTH_REQUIRE(rc == 0 || why == EEXIST, err, HTH_EIO, "cannot make the folder %.150s: %s",
                    path, strerror(why));
        if (kept == 0) return HTH_OK;
    }
}

HthStatus hth_state_folder(HthBuf *out, bool make, HthErr *err) {
    const char *root = NULL;
    size_t i = 0, from = out->n;
    for (; i < HTH_COUNT(places) && !root; i++) {
        root = getenv(places[i].variable);
        if (root && root[0] != '/') root = NULL; /* relative ones are to be ignored, says XDG */
        if (root) break;
    }
    HTH_REQUIRE(root, err, HTH_EINVAL,
                "there is no folder for keys and conversations: set HOME or HEARTH_STATE");
    HTH_TRY(hth_buf_printf(out, err, "%s%s", root, places[i].below));
    if (!make) return HTH_OK;
    HTH_TRY(make_all(out->p + from, err));
    struct stat st;
    HTH_REQUIRE(stat(out->p + from, &st) == 0 && S_ISDIR(st.st_mode), err, HTH_EIO,
                "%.150s is not a folder", out->p + from);
    HTH_REQUIRE(st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)), err, HTH_EDENIED,
                "%.150s belongs to another user, or others may write it; keys are kept there, so "
                "hearth does not use it (chmod go-w)",
                out->p + from);
    return HTH_OK;
}

HthStatus hth_state_file(HthBuf *out, const char *name, bool make, HthErr *err) {
    HTH_TRY(hth_state_folder(out, make, err));
    return hth_buf_printf(out, err, "/%s", name);
}
