/* lora.c - see lora.h. */
#include "cli/lora.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#ifdef HTH_HAVE_SERVER
#include "import/adapter.h"

HthAdapterMake *const hth_lora_make = hth_import_adapter_make;
#else
HthAdapterMake *const hth_lora_make = NULL;
#endif

bool hth_lora_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool hth_lora_add(HthLoras *l, const char *verb, const char *value) {
    double scale = 1.0;
    const char *eq = strrchr(value, '=');
    if (l->count == HTH_ADAPTERS_MAX) {
        hth_cli_usage(verb, "option --lora may be given %d times at most", HTH_ADAPTERS_MAX);
        return false;
    }
    if (eq && !hth_str_f64(hth_str(eq + 1), &scale)) eq = NULL; /* part of the file's name */
    const size_t n = eq ? (size_t)(eq - value) : strlen(value);
    if (n == 0 || !(fabs(scale) <= (double)FLT_MAX)) {
        hth_cli_usage(verb, "option --lora needs a file, and a scale that is a finite number");
        return false;
    }
    char *path = hth_calloc(n + 1, 1);
    if (!path) {
        hth_cli_error(HTH_EXIT_OS, "out of memory");
        return false;
    }
    memcpy(path, value, n);
    if (!hth_lora_make && hth_lora_is_folder(path)) {
        hth_cli_usage(verb, "--lora takes a GGUF file: this build cannot read folders");
        hth_free(path);
        return false;
    }
    l->path[l->count] = path;
    l->use[l->count++].scale = (float)scale;
    return true;
}

void hth_lora_cage(const HthLoras *l, HthCaged *cage) {
    size_t file = 0, folder = 0;
    for (size_t i = 0; i < HTH_CAGED_NAMES; i++) {
        if (cage->models[i]) file = i + 1;
        if (cage->reads[i]) folder = i + 1;
    }
    HTH_ASSERT(file + l->count <= HTH_CAGED_NAMES && folder + l->count <= HTH_CAGED_NAMES);
    for (uint32_t i = 0; i < l->count; i++)
        if (hth_lora_is_folder(l->path[i]))
            cage->reads[folder++] = l->path[i];
        else
            cage->models[file++] = l->path[i];
}

int hth_lora_open(HthLoras *l, const HthModel *model) {
    HthErr err = { 0 };
    for (uint32_t i = 0; i < l->count; i++) {
        const int code = hth_cli_readable(l->path[i]);
        if (code != HTH_EXIT_OK) return code;
        const char *path = l->path[i];
        if (hth_adapter_open_made(&l->adapter[i], model, path, hth_lora_make, &err) != HTH_OK)
            return err.status == HTH_EINVAL ? hth_cli_error(HTH_EXIT_DATA, "%s", err.text)
                                            : hth_cli_fail(&err);
        l->use[i].adapter = l->adapter[i];
    }
    return HTH_EXIT_OK;
}

void hth_lora_close(HthLoras *l) {
    for (uint32_t i = 0; i < l->count; i++) hth_adapter_close(&l->adapter[i]);
}

void hth_lora_drop(HthLoras *l) {
    hth_lora_close(l);
    for (uint32_t i = 0; i < l->count; i++) hth_free(l->path[i]);
    *l = (HthLoras){ 0 };
}
