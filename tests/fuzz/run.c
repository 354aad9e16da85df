/*
 * Runs a fuzz target over the files named on the command line, with any compiler: so a corpus is a test. libFuzzer
 * brings a main() of its own and finds new inputs (`make fuzz`).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data = malloc(1 << 20);	/* on the heap and cut to size, so that a sanitizer sees its end */
		size_t n;

		if (file == NULL || data == NULL) {
			perror(argv[i]);
			return 1;
		}
		n = fread(data, 1, 1 << 20, file);
		fclose(file);
		data = realloc(data, n > 0 ? n : 1);
		LLVMFuzzerTestOneInput(data, n);
		free(data);
	}
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
