/* lora.h - --lora PATH[=SCALE]: adapters named on the command line, opened for a model. A path is a
 * GGUF file's or, in a build with the server, that of a folder as PEFT makes it.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_LORA_H
#define HTH_CLI_LORA_H

#include "cli/caged.h"
#include "model/adapter.h"

typedef struct HthLoras {
    uint32_t count;
    char *path[HTH_ADAPTERS_MAX]; /* owned */
    HthAdapter *adapter[HTH_ADAPTERS_MAX]; /* owned; NULL until they are opened */
    HthAdapterUse use[HTH_ADAPTERS_MAX];
} HthLoras;

/* The option that such a verb has, and what it says. */
#define HTH_LORA_VALUE "PATH[=SCALE]"
#define HTH_LORA_HELP                                                                              \
    "lay this LoRA adapter over the model: a GGUF file, or a folder of PEFT's; may be given "      \
    "several times"

/* Takes one value of the option: the scale is what follows the last '=', if that is a number, else
 * 1. False: a sentence has been printed. */
bool hth_lora_add(HthLoras *l, const char *verb, const char *value);
/* Adds them to what a cage leaves readable, behind the models and folders that are there. */
void hth_lora_cage(const HthLoras *l, HthCaged *cage);
bool hth_lora_is_folder(const char *path);
/* How an adapter is opened with that is no GGUF file; NULL: not in this build. */
extern HthAdapterMake *const hth_lora_make;
/* Opens all for this model; an exit code, the sentence printed. */
int hth_lora_open(HthLoras *l, const HthModel *model);
void hth_lora_close(HthLoras *l); /* before the model; the names stay */
void hth_lora_drop(HthLoras *l); /* closes, too */

#endif
