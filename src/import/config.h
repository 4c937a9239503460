/* config.h - config.json, by the table of its family.
 *
 * What the family does not say or hearth does not compute is refused with a sentence that names it.
 * Private to import.
 *
 * Thread: any. */
#ifndef HTH_IMPORT_CONFIG_H
#define HTH_IMPORT_CONFIG_H

#include "base/json.h"
#include "gguf/gguf_write.h"
#include "import/family.h"

/* From any object; drop *out. ENOTSUP: a model, or something about it, that is not imported;
 * EFORMAT: what it says cannot be. */
HTH_MUST_CHECK HthStatus hth_config_read(HthConfig *out, const json_t *root, HthErr *err);
void hth_config_drop(HthConfig *c);

/* The metadata of the architecture, its rotation's included. */
HTH_MUST_CHECK HthStatus hth_config_write(const HthConfig *c, HthGgufOut *o, HthErr *err);

/* rope.c. The rotation, of config.json's object that speaks of the text model: its base, and how it
 * is stretched. Sizes are known. */
HTH_MUST_CHECK HthStatus hth_config_rope(HthConfig *c, const json_t *at, HthErr *err);
HTH_MUST_CHECK HthStatus hth_config_rope_write(const HthConfig *c, HthGgufOut *o, HthErr *err);

/* A number of an object; *out stays where it is absent or null. EFORMAT: it is no number, or not
 * from low to high. */
HTH_MUST_CHECK HthStatus hth_config_float(const json_t *at, const char *key, double low,
                                          double high, float *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_config_u32(const json_t *at, const char *key, uint32_t high,
                                        uint32_t *out, HthErr *err);

#endif
