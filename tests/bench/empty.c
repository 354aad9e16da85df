/*
 * empty HOST PORT: what a program costs that does nothing but connect and close. It stands on what sockt stands on
 * (libbsd, getaddrinfo), so that the difference to `sockt connect -z` is sockt's own.
 */
#include <sys/socket.h>
#include <netdb.h>
#include <unistd.h>

#include <bsd/stdlib.h>

int
main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *ai;
	const char *bad = NULL;
	int fd, rc = 1;

	if (argc != 3)
		return 2;
	strtonum(argv[2], 1, 65535, &bad);
	if (bad != NULL || getaddrinfo(argv[1], argv[2], &hints, &ai) != 0)
		return 2;
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		rc = 0;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(ai);
	return rc;
}
