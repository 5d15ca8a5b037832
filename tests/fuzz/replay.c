/* Gives a fuzz target the empty input, then every file of its corpus: replay DIRECTORY. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t input[1 << 20];

static int replay_file(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(input, 1, sizeof input, file);
    fclose(file);
    /* The name goes out first: when the target dies, the last line says of what. */
    printf("%s (%zu bytes)\n", name, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(input, size);
    return 0;
}

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput(input, 0);
    DIR *corpus = argc > 1 ? opendir(argv[1]) : NULL;
    if (!corpus)
        return 0;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(corpus));)
        if (entry->d_name[0] != '.')
            failed |= replay_file(argv[1], entry->d_name);
    closedir(corpus);
    return failed;
}
