//! Statistics: numbers in, numbers out; knows no type of ours.
