/*
 * Runs a fuzz target over the files named on the command line, with any compiler: so a corpus is a test. libFuzzer
 * brings a main() of its own and finds new inputs (`make fuzz`).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	static uint8_t all[1 << 20];

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data;
		size_t n;

		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		n = fread(all, 1, sizeof(all), file);
		fclose(file);
		/* On the heap and no longer than it is, so that a sanitizer sees its end. */
		if ((data = malloc(n + (n == 0))) == NULL)
			return 1;
		memcpy(data, all, n);
		LLVMFuzzerTestOneInput(data, n);
		free(data);
	}
	printf("%d inputs\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
