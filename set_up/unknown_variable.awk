# The line that refuses a variable: awk -v name=ARHC -v known="ARCH ALPHA" -f unknown_variable.awk
#
# Names the nearest of the known ones, by the letters that have to be changed, added, left out or
# swapped with their neighbour (Damerau and Levenshtein), if it is near enough to be meant.

function least(a, b) { return a < b ? a : b }

function distance(a, b,    i, j, cost, d) {
    for (i = 0; i <= length(a); i++) d[i, 0] = i
    for (j = 0; j <= length(b); j++) d[0, j] = j
    for (i = 1; i <= length(a); i++) {
        for (j = 1; j <= length(b); j++) {
            cost = substr(a, i, 1) != substr(b, j, 1)
            d[i, j] = least(least(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + cost)
            if (i > 1 && j > 1 && substr(a, i, 1) == substr(b, j - 1, 1) &&
                substr(a, i - 1, 1) == substr(b, j, 1))
                d[i, j] = least(d[i, j], d[i - 2, j - 2] + 1)
        }
    }
    return d[length(a), length(b)]
}

BEGIN {
    count = split(known, names, " ")
    given = toupper(name)
    gsub("-", "_", given)
    nearest = ""
    for (n = 1; n <= count; n++) {
        apart = distance(given, names[n])
        if (nearest == "" || apart < smallest) {
            nearest = names[n]
            smallest = apart
        }
    }
    if (smallest <= least(3, int(length(given) / 2)))
        meant = "did you mean " nearest "? "
    printf "%s is no variable of make here; %smake alone lists them\n", name, meant
}
