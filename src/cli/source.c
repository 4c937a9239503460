/* source.c - see source.h. */
#include "cli/source.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HTH_HAVE_EMBER
extern const unsigned char hth_ember_begin[], hth_ember_end[]; /* ember.S */
#endif

bool hth_source_is_ember(const char *name) {
    return name == NULL || (strcmp(name, HTH_EMBER) == 0 && access(name, F_OK) != 0);
}

bool hth_source_has_ember(void) {
#ifdef HTH_HAVE_EMBER
    return true;
#else
    return false;
#endif
}

bool hth_source_looks_like_model(const char *word) {
    struct stat st;
    if (strcmp(word, HTH_EMBER) == 0) return true;
    if (stat(word, &st) == 0 && S_ISREG(st.st_mode)) return true;
    if (hth_str_ends(hth_str(word), HTH_STR(".gguf"))) return true;
    return strchr(word, '/') != NULL && strpbrk(word, " \t\n") == NULL;
}

HthStr hth_source_ember(void) {
#ifdef HTH_HAVE_EMBER
    return (HthStr){ (const char *)hth_ember_begin, (size_t)(hth_ember_end - hth_ember_begin) };
#else
    return HTH_STR("");
#endif
}

static int no_ember(void) {
    return hth_cli_error(HTH_EXIT_UNAVAILABLE,
                         "this build has no embedded model; name a model file instead, for "
                         "example: hearth run model.gguf");
}

int hth_source_gguf(HthGguf **out, const char *name) {
    HthErr err = { 0 };
    HthStatus st;
    if (hth_source_is_ember(name)) {
        if (!hth_source_has_ember()) return no_ember();
        st = hth_gguf_open_mem(out, hth_source_ember().p, hth_source_ember().n,
                               "the embedded model", &err);
    } else {
        int code = hth_cli_readable(name);
        if (code != HTH_EXIT_OK) return code;
        st = hth_gguf_open(out, name, &err);
    }
    if (st == HTH_OK) return HTH_EXIT_OK;
    int code = hth_cli_fail(&err);
    return st == HTH_ENOTSUP || st == HTH_EINVAL || st == HTH_ELIMIT ? HTH_EXIT_DATA : code;
}

int hth_source_model(HthModel **out, const char *name) {
    HthErr err = { 0 };
    HthStatus st;
    if (hth_source_is_ember(name)) {
        if (!hth_source_has_ember()) return no_ember();
        st = hth_model_open_mem(out, hth_source_ember().p, hth_source_ember().n,
                                "the embedded model", &err);
    } else {
        int code = hth_cli_readable(name);
        if (code != HTH_EXIT_OK) return code;
        st = hth_model_open(out, name, &err);
    }
    if (st == HTH_OK) return HTH_EXIT_OK;
    int code = hth_cli_fail(&err);
    if (st == HTH_EINVAL || st == HTH_ELIMIT) return HTH_EXIT_DATA;
    if (st != HTH_ENOTSUP || hth_source_is_ember(name)) return code;
    /* A file no reader can take apart is bad data; one that only asks for too much is not. */
    HthGguf *g = NULL;
    st = hth_gguf_open(&g, name, NULL);
    hth_gguf_close(&g);
    return st == HTH_OK ? code : HTH_EXIT_DATA;
}
