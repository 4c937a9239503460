/* voice_in.h - what voice.c and voice_prompt.c share.
 *
 * Thread: see voice.h. */
#ifndef HTH_SERVE_VOICE_IN_H
#define HTH_SERVE_VOICE_IN_H

#include "serve/voice.h"

struct HthVoice {
    const HthModel *model; /* borrowed */
    const HthVocab *vocab; /* the model's; NULL: none */
    HthTemplate *tmpl; /* NULL: none */
    HthTalk *talk; /* NULL: no template */
    HthBuf system;
    HthSampleParams params; /* defaults, then the file's advice, then the manifest */
    json_t *manifest; /* lends strings to params */
};

#endif
