"""`python -m fashion_compare` is `fashion-compare`."""

from fashion_compare.cli import main

if __name__ == "__main__":
    main()
