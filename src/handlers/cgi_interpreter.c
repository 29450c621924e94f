#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "handlers/cgi_interpreter.h"

#define SHEBANG "#!"

static bool
cgi_interpreter_take_word(struct text *line, struct text *word)
{
	*line = text_trim(*line);
	*word = (struct text){line->at, 0};
	while (word->len < line->len && !text_is_space(line->at[word->len]))
		word->len++;
	line->at += word->len;
	line->len -= word->len;
	return word->len > 0;
}

static void
cgi_interpreter_keep(char to[CGI_INTERPRETER_MAX], struct text word)
{
	if (word.len >= CGI_INTERPRETER_MAX)
		word.len = 0;
	memcpy(to, word.at, word.len);
	to[word.len] = '\0';
}

static bool
is_env(struct text path)
{
	const struct text name = TEXT("/env");

	return path.len >= name.len &&
	    text_equal(
		(struct text){path.at + path.len - name.len, name.len}, name);
}

/* True for an option of env(1), and for a variable that it sets. */
static bool
is_before_name(struct text word)
{
	return word.at[0] == '-' || memchr(word.at, '=', word.len) != NULL;
}

static void
find_of_script(struct text head, struct cgi_interpreter *found)
{
	const char *end = memchr(head.at, '\n', head.len);
	struct text word;

	if (end != NULL)
		head.len = (size_t)(end - head.at);
	head.at += strlen(SHEBANG);
	head.len -= strlen(SHEBANG);
	if (!cgi_interpreter_take_word(&head, &word))
		return;
	cgi_interpreter_keep(found->path, word);
	if (!is_env(word))
		return;
	while (cgi_interpreter_take_word(&head, &word))
		if (!is_before_name(word)) {
			cgi_interpreter_keep(found->name, word);
			return;
		}
}

/* elf(5); for programs of this kind of machine. */
static void
find_loader(struct text head, struct cgi_interpreter *found)
{
	ElfW(Ehdr) file;
	ElfW(Phdr) part;

	if (head.len < sizeof(file))
		return;
	memcpy(&file, head.at, sizeof(file));
	for (size_t i = 0; i < file.e_phnum; i++) {
		size_t at = file.e_phoff + i * sizeof(part);

		if (at > head.len || head.len - at < sizeof(part))
			return;
		memcpy(&part, head.at + at, sizeof(part));
		if (part.p_type != PT_INTERP)
			continue;
		if (part.p_offset > head.len ||
		    part.p_filesz > head.len - part.p_offset)
			return;
		cgi_interpreter_keep(found->path,
		    (struct text){head.at + part.p_offset,
			strnlen(head.at + part.p_offset, part.p_filesz)});
		return;
	}
}

void
cgi_interpreter_find(int fd, struct cgi_interpreter *found)
{
	char bytes[CGI_INTERPRETER_HEAD];
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
	struct text head = {bytes, n > 0 ? (size_t)n : 0};

	*found = (struct cgi_interpreter){0};
	if (text_begins(head, TEXT(SHEBANG)))
		find_of_script(head, found);
	else if (text_begins(head, TEXT(ELFMAG)))
		find_loader(head, found);
}
