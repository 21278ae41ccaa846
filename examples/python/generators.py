def numbers(n):
    yield from range(n)


def squares(items):
    for item in items:
        yield item * item


def odd(items):
    for item in items:
        if item % 2:
            yield item


print(sum(odd(squares(numbers(300_000)))))
