"""`python -m eigen_graph` is the command line."""

from eigen_graph.cli import main

if __name__ == "__main__":
    main()
