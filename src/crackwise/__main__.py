"""``python -m crackwise``."""

from crackwise.cli import main

if __name__ == "__main__":
    main()
