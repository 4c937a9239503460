/* weights.c - see weights.h.
 *
 * Thread: any. */
#include "import/weights.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define INDEX "model.safetensors.index.json"
#define WHOLE "model.safetensors"
enum { INDEX_MAX = 64 << 20, TENSORS_MAX = 1 << 18 };

typedef struct Place {
    uint32_t file, tensor;
} Place;

struct HthWeights {
    HthSafe **files; /* [file_count] */
    size_t file_count;
    Place *places; /* [count] */
    size_t count;
    HthMap *names; /* tensor -> index in places */
};

/* ---- what is not there ---- */

/* Folders whose weights are of a kind that is not read: what they are. */
static HthStatus no_weights(const HthImportFolder *folder, HthErr *err) {
    static const struct {
        const char *file, *what;
    } others[] = {
        { "pytorch_model.bin", "weights in PyTorch's own format, which is a program" },
        { "pytorch_model.bin.index.json", "weights in PyTorch's own format, which is a program" },
        { "consolidated.safetensors", "weights under the names of Mistral's own programs" },
        { "consolidated.00.pth", "weights in PyTorch's own format, which is a program" },
        { "adapter_model.safetensors", "an adapter (LoRA), to be merged with its model first" },
        { "tf_model.h5", "weights for TensorFlow" },
        { "flax_model.msgpack", "weights for Flax" },
    };
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        char path[PATH_MAX];
        bool there;
        HTH_TRY(hth_import_path(folder, hth_str(others[i].file), path, &there, err));
        HTH_REQUIRE(!there, err, HTH_ENOTSUP,
                    "%s holds %s, and there is no " WHOLE ": find the model as safetensors, or "
                    "save it so",
                    others[i].file, others[i].what);
    }
    return HTH_FAIL(err, HTH_EFORMAT,
                    "the folder has neither " INDEX " nor " WHOLE ": there are no weights in it");
}

/* ---- the files ---- */

static HthStatus open_file(HthWeights *w, const HthImportFolder *folder, HthStr name, HthErr *err) {
    char path[PATH_MAX], shown[HTH_IMPORT_SHOWN_MAX];
    bool there;
    hth_import_shown(name, shown);
    HTH_TRY(hth_import_path(folder, name, path, &there, err));
    HTH_REQUIRE(there, err, HTH_EFORMAT, "%s is not there, and the index names it", shown);
    HTH_TRY(hth_safe_open(&w->files[w->file_count], path, shown, err));
    w->file_count++;
    return HTH_OK;
}

static HthStatus add_tensors(HthWeights *w, uint32_t file, HthErr *err) {
    const HthSafe *s = w->files[file];
    const size_t n = hth_safe_count(s);
    HTH_REQUIRE(n <= TENSORS_MAX - w->count, err, HTH_ELIMIT, "the model has more than %d tensors",
                TENSORS_MAX);
    Place *more = hth_realloc(w->places, w->count + n, sizeof *more);
    HTH_REQUIRE(more != NULL, err, HTH_ENOMEM, "out of memory");
    w->places = more;
    for (size_t i = 0; i < n; i++) {
        char shown[HTH_IMPORT_SHOWN_MAX];
        const HthStr name = hth_safe_at(s, i)->name;
        hth_import_shown(name, shown);
        HTH_REQUIRE(hth_map_get(w->names, name) == HTH_MAP_NONE, err, HTH_EFORMAT,
                    "tensor '%s' is in two files", shown);
        w->places[w->count] = (Place){ file, (uint32_t)i };
        HTH_TRY(hth_map_put(w->names, name, (uint32_t)w->count, err));
        w->count++;
    }
    return HTH_OK;
}

static HthStatus open_whole(HthWeights *w, const HthImportFolder *folder, HthErr *err) {
    char path[PATH_MAX];
    bool there;
    HTH_TRY(hth_import_path(folder, HTH_STR(WHOLE), path, &there, err));
    if (!there) return no_weights(folder, err);
    w->files = hth_calloc(1, sizeof(HthSafe *));
    HTH_REQUIRE(w->files != NULL, err, HTH_ENOMEM, "out of memory");
    HTH_TRY(hth_safe_open(&w->files[0], path, WHOLE, err));
    w->file_count = 1;
    return add_tensors(w, 0, err);
}

/* ---- the index ---- */

/* Each file named, once, in the order of the index; `numbers`: its name -> its place. */
static HthStatus open_files(HthWeights *w, const HthImportFolder *folder, json_t *tensors,
                            HthMap *numbers, HthErr *err) {
    const char *key;
    json_t *v;
    json_object_foreach(tensors, key, v) {
        const HthStr name = { json_string_value(v), json_string_length(v) };
        HTH_REQUIRE(json_is_string(v), err, HTH_EFORMAT,
                    INDEX ": weight_map names something else than a file");
        if (hth_map_get(numbers, name) != HTH_MAP_NONE) continue;
        HTH_REQUIRE(w->file_count < HTH_IMPORT_FILES_MAX, err, HTH_ELIMIT,
                    INDEX ": more than %d files", HTH_IMPORT_FILES_MAX);
        HTH_TRY(hth_map_put(numbers, name, (uint32_t)w->file_count, err));
        HTH_TRY(open_file(w, folder, name, err));
        HTH_TRY(add_tensors(w, (uint32_t)w->file_count - 1, err));
    }
    return HTH_OK;
}

/* What the index says is where it says, and nothing else is anywhere. */
static HthStatus compare(const HthWeights *w, json_t *tensors, const HthMap *numbers, HthErr *err) {
    const char *key;
    json_t *v;
    json_object_foreach(tensors, key, v) {
        char shown[HTH_IMPORT_SHOWN_MAX];
        const uint32_t i = hth_map_get(w->names, hth_str(key));
        const uint32_t file =
            hth_map_get(numbers, (HthStr){ json_string_value(v), json_string_length(v) });
        hth_import_shown(hth_str(key), shown);
        HTH_REQUIRE(i != HTH_MAP_NONE && w->places[i].file == file, err, HTH_EFORMAT,
                    INDEX ": tensor '%s' is not in the file it names", shown);
    }
    for (size_t i = 0; i < w->count; i++) {
        char shown[HTH_IMPORT_SHOWN_MAX];
        const HthStr name = hth_weights_at(w, i)->name;
        hth_import_shown(name, shown);
        HTH_REQUIRE(json_object_getn(tensors, name.p, name.n) != NULL, err, HTH_EFORMAT,
                    INDEX " does not name tensor '%s', which is in one of its files", shown);
    }
    return HTH_OK;
}

static HthStatus open_index(HthWeights *w, const HthImportFolder *folder, json_t *index,
                            HthErr *err) {
    json_t *tensors = json_object_get(index, "weight_map");
    HthMap *numbers = NULL;
    HTH_REQUIRE(json_is_object(tensors) && json_object_size(tensors) > 0, err, HTH_EFORMAT,
                INDEX ": there is no weight_map");
    w->files = hth_calloc(HTH_IMPORT_FILES_MAX, sizeof(HthSafe *));
    HTH_REQUIRE(w->files != NULL, err, HTH_ENOMEM, "out of memory");
    HTH_TRY(hth_map_open(&numbers, 64, err));
    HthStatus st = open_files(w, folder, tensors, numbers, err);
    if (st == HTH_OK) st = compare(w, tensors, numbers, err);
    hth_map_close(&numbers);
    return st;
}

HthStatus hth_weights_open(HthWeights **out, const HthImportFolder *folder, HthErr *err) {
    json_t *index = NULL;
    HTH_TRY(hth_import_json(folder, INDEX, INDEX_MAX, &index, err));
    HthWeights *w = hth_calloc(1, sizeof *w);
    HthStatus st = w != NULL ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK) st = hth_map_open(&w->names, 256, err);
    if (st == HTH_OK)
        st = index != NULL ? open_index(w, folder, index, err) : open_whole(w, folder, err);
    json_decref(index);
    if (st == HTH_OK)
        *out = w;
    else
        hth_weights_close(&w);
    return st;
}

void hth_weights_close(HthWeights **w) {
    if (*w == NULL) return;
    for (size_t i = 0; i < (*w)->file_count; i++) hth_safe_close(&(*w)->files[i]);
    hth_map_close(&(*w)->names);
    hth_free((*w)->places);
    hth_free((*w)->files);
    hth_free(*w);
    *w = NULL;
}

size_t hth_weights_files(const HthWeights *w) {
    return w->file_count;
}

size_t hth_weights_count(const HthWeights *w) {
    return w->count;
}

const HthSafeTensor *hth_weights_at(const HthWeights *w, size_t i) {
    HTH_ASSERT(i < w->count);
    return hth_safe_at(w->files[w->places[i].file], w->places[i].tensor);
}

size_t hth_weights_find(const HthWeights *w, HthStr name) {
    const uint32_t i = hth_map_get(w->names, name);
    return i == HTH_MAP_NONE ? w->count : i;
}

void hth_weights_let_go(const HthWeights *w, size_t i, const uint8_t *p, size_t n) {
    hth_file_let_go(hth_safe_map(w->files[w->places[i].file]), p, n);
}
