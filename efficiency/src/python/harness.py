# What runs a program inside the interpreter, for the judge. It is defined before any program is there, and holds on to what it
# needs: whatever a program does to builtins, modules or sys.stdout, a result is read from the value itself. What is expected never
# comes here, so that all a program could forge is its own result.


def _probity_make():
    import atexit
    import builtins
    import json
    import posix
    import sys

    type_, isinstance_, issubclass_ = type, isinstance, issubclass
    compile_, exec_, getattr_, iter_ = compile, exec, getattr, iter
    str_, int_, float_, bool_, bytes_ = str, int, float, bool, bytes
    list_, tuple_, dict_, set_, frozenset_ = list, tuple, dict, set, frozenset
    complex_, bytearray_, sorted_ = complex, bytearray, sorted
    Base, Exit, NoMemory, TooDeep = BaseException, SystemExit, MemoryError, RecursionError
    Problem, Type, Value = Exception, TypeError, ValueError
    NoKey, NoAttribute = KeyError, AttributeError
    write, modules, stdout = posix.write, sys.modules, sys.stdout
    leave, goes = posix._exit, sys.argv[1:] == ["go"]
    quote, load, exits = json.encoder.encode_basestring_ascii, json.loads, atexit._run_exitfuncs
    Module = type_(sys)
    int_text, float_text, join = int_.__repr__, float_.__repr__, "".join
    at_least, at_most, least, most = int_.__ge__, int_.__le__, -(1 << 63), (1 << 64) - 1
    infinity = float_("inf")
    job = {}

    class Unfit(Problem):
        pass

    def number(value):
        if value != value:
            return '"NaN"'
        if value == infinity:
            return '"inf"'
        if value == -infinity:
            return '"-inf"'
        return float_text(value)

    def key(value, kind):
        if issubclass_(kind, str_):
            return quote(value)
        if value is None:
            return '"null"'
        if kind is bool_:
            return '"true"' if value else '"false"'
        if issubclass_(kind, int_):
            return '"' + int_text(value) + '"'
        if issubclass_(kind, float_):
            return '"' + float_text(value) + '"'
        raise Unfit("its result has a key of type `" + kind.__name__ + "`, which is none in JSON")

    def items(values, put):
        put("[")
        first = True
        for value in values:
            if not first:
                put(",")
            first = False
            encode(value, put)
        put("]")

    def text_of(value):
        parts = []
        encode(value, parts.append)
        return join(parts)

    def encode(value, put):
        kind = type_(value)
        if value is None:
            put("null")
        elif kind is bool_:
            put("true" if value else "false")
        elif issubclass_(kind, str_):
            put(quote(value))
        elif issubclass_(kind, int_):
            text = int_text(value)
            # Beyond 64 bits, readers of JSON would take neighbours for the same.
            fits = at_least(value, least) and at_most(value, most)
            put(text if fits else '{"\\u0000int":"' + text + '"}')
        elif issubclass_(kind, float_):
            put(number(value))
        elif issubclass_(kind, list_):
            items(list_.__iter__(value), put)
        elif issubclass_(kind, tuple_):
            items(tuple_.__iter__(value), put)
        elif issubclass_(kind, dict_):
            put("{")
            first, seen = True, set_()
            for name, item in dict_.items(value):
                name = key(name, type_(name))
                if name in seen:
                    raise Unfit("its result has two keys that are " + name + " in JSON")
                seen.add(name)
                if not first:
                    put(",")
                first = False
                put(name)
                put(":")
                encode(item, put)
            put("}")
        elif issubclass_(kind, (set_, frozenset_)):
            # What JSON has not is an object whose only name nothing else has.
            base = set_ if issubclass_(kind, set_) else frozenset_
            texts = [text_of(item) for item in base.__iter__(value)]
            put('{"\\u0000set":[' + ",".join(sorted_(texts)) + "]}")
        elif issubclass_(kind, complex_):
            put('{"\\u0000complex":[' + number(value.real) + "," + number(value.imag) + "]}")
        elif kind is bytes_ or kind is bytearray_:
            put('{"\\u0000bytes":"' + value.hex() + '"}')
        elif kind.__module__ == "numpy" and getattr_(kind, "item", None) and not is_many(value):
            encode(kind.item(value), put)
        else:
            raise Unfit("its result has a `" + kind.__name__ + "` in it, which is no JSON")

    def is_many(value):
        try:
            iter_(value)
        except Type:
            return False
        return True

    def say(kind, text):
        rest = job["nonce"] + kind + text.encode("utf-8", "backslashreplace")
        while rest:
            rest = rest[write(1, rest) :]

    def place(error):
        # The innermost line of the program itself.
        line, trace = None, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "main.py":
                line = trace.tb_lineno
            trace = trace.tb_next
        return "" if line is None else "line " + int_text(line) + ": "

    def about(error):
        name, text = "an exception", ""
        try:
            name = type_(error).__name__
            text = str_(error)[:1000]
        except Base:
            pass
        return place(error) + name + (": " + text if text else "")

    def failed(error):
        kind = type_(error)
        if issubclass_(kind, Exit):
            code = error.code
            if code is None:
                say(b"X", "0")
            elif issubclass_(type_(code), int_):
                say(b"X", int_text(code & 0xFFFFFFFF))
            else:
                say(b"X", "1")
        elif issubclass_(kind, NoMemory):
            say(b"M", about(error))
        elif issubclass_(kind, TooDeep):
            say(b"C", about(error))
        else:
            say(b"E", about(error))

    def flush():
        # As at the end of a process: what is sys.stdout now, and what it was.
        for stream in (sys.stdout, stdout):
            try:
                stream.flush()
            except Base:
                pass

    def prepare(nonce, name, args, argv, source):
        job["nonce"], job["name"], job["source"] = nonce, name, source
        job["args"] = load(args)
        sys.argv[:] = ["main.py", *argv]

    def find(names):
        found, first, *rest = None, *job["name"].split(".")
        try:
            found = names[first]
            for name in rest:
                # A method of a class is one of an object of it.
                found = found() if isinstance_(found, type_) else found
                found = getattr_(found, name)
        except (NoKey, NoAttribute):
            raise Unfit("the program defines no function `" + job["name"] + "`") from None
        return found

    def go():
        name = job["name"]
        module = Module("__main__" if name is None else "candidate")
        names = module.__dict__
        names["__builtins__"] = builtins
        names["__file__"] = "main.py"
        try:
            code = compile_(job["source"], "main.py", "exec", 0, True)
        except Problem as error:
            say(b"S", about(error))
            return
        modules[module.__name__] = module
        result = None
        try:
            exec_(code, names)
            if name is not None:
                function = find(names)
                result = function(*job["args"])
        except Unfit as error:
            say(b"W", str_(error))
            return
        except Base as error:
            if name is None:
                exits()
                flush()
            failed(error)
            return
        if name is None:
            exits()
            flush()
            say(b"D", "")
            return
        try:
            text = text_of(result)
        except Unfit as error:
            say(b"W", str_(error))
        except TooDeep:
            say(b"W", "its result is nested too deep, or contains itself")
        except Value as error:
            say(b"W", "its result is no JSON: " + about(error))
        except Base as error:
            failed(error)
        else:
            say(b"R", text)

    def run():
        # In an interpreter that takes one program and ends: what it has cost when it gets here without going on is its start. It
        # leaves at once, for what the interpreter does when it ends is not the program's either.
        if goes:
            go()
        leave(0)

    # What an interpreter makes when it is asked to compile for the first time, such as the types of syntax trees, is its own.
    exec_(compile_("", "main.py", "exec", 0, True), {"__builtins__": builtins})
    return prepare, go, run


_probity_prepare, _probity_go, _probity_run = _probity_make()
del _probity_make
