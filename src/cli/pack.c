/* pack.c - hearth pack: writes, proves or removes MODEL.panels.
 *
 * Thread: the main thread. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "cli/term.h"
#include "model/panel_file.h"

enum { OPT_VERIFY = 1, OPT_REMOVE };

const HthOpt hth_opts_pack[] = {
    { OPT_VERIFY, 0, "verify", NULL, "unpack the file and compare it with the model", NULL },
    { OPT_REMOVE, 0, "remove", NULL, "remove the file", NULL },
    { 0 },
};

static int on_progress(size_t done, size_t total) {
    hth_progress("packing", done >> 20, total >> 20);
    return hth_interrupted();
}
static int on_verify(size_t done, size_t total) {
    hth_progress("comparing", done >> 20, total >> 20);
    return hth_interrupted();
}

static int remove_file(const char *path) {
    if (unlink(path) == 0) return HTH_EXIT_OK;
    return hth_cli_error(errno == ENOENT ? HTH_EXIT_NOINPUT : HTH_EXIT_IO, "cannot remove %s: %s",
                         path, strerror(errno));
}

static int work(const char *model, const char *path, bool verify) {
    HthModel *m = NULL;
    HthErr err = { 0 };
    int code = hth_source_model(&m, model);
    if (code != HTH_EXIT_OK) return code;
    hth_interrupt_catch();
    HthStatus st = verify ? hth_panels_verify(m, path, on_verify, &err)
                          : hth_panels_write(m, path, on_progress, &err);
    hth_progress_end();
    hth_model_close(&m);
    if (st != HTH_OK) return hth_cli_fail(&err);
    printf(verify ? "%s holds the model, byte for byte\n" : "%s\n", path);
    return HTH_EXIT_OK;
}

int hth_cli_pack(HthArgs *args) {
    const char *model = NULL;
    bool verify = false, remove = false;
    char path[PATH_MAX];
    HthErr err = { 0 };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_VERIFY: verify = true; break;
        case OPT_REMOVE: remove = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (model != NULL) return hth_cli_usage("pack", "pack takes one MODEL");
            model = args->value;
        }
    }
    if (model == NULL) return hth_cli_usage("pack", "pack needs a MODEL");
    if (verify && remove) return hth_cli_usage("pack", "--verify or --remove, not both");
    if (hth_source_is_ember(model))
        return hth_cli_usage("pack", "ember is inside the program; it needs no file of panels");
    if (hth_panels_path(path, sizeof path, model, &err) != HTH_OK) return hth_cli_fail(&err);
    if (remove) return remove_file(path);
    HthCaged caged = { .models = { model }, .writes = { verify ? NULL : path } };
    int code = hth_caged(&caged);
    return code == HTH_EXIT_OK ? work(model, path, verify) : code;
}
