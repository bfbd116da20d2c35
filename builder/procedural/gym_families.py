"""Which families of reasoning-gym 0.1.25 are used, with the category of their tasks, and why the others are not.

From two runs of `python -m benchmarks.gym_families --items 60` (all families, then twelve again by processor time, since the
machine was busy) and from reading some of their items: 106 entries, 90 usable. An answer that scores 1.0 shows that a family
agrees with itself, not that it is right.
"""

from collections.abc import Mapping

_BY_CATEGORY: Mapping[str, str] = {
    "code": """
        ab bf binary_alternation binary_matrix course_schedule game_of_life game_of_life_halting
        largest_island manipulate_matrix palindrome_partitioning path_star pool_matrix rotate_matrix
        rotten_oranges shortest_path spiral_matrix string_insertion string_manipulation string_splitting
        string_synthesis word_sequence_reversal
    """,
    "data_analysis": """
        group_anagrams number_filtering number_sorting word_sorting
    """,
    "extraction": """
        emoji_mystery figlet_font letter_counting needle_haystack rectangle_count
    """,
    "mathematics": """
        advanced_geometry base_conversion basic_arithmetic bitwise_arithmetic calendar_arithmetic chain_sum
        coin_flip complex_arithmetic count_bits count_primes countdown decimal_arithmetic decimal_chain_sum
        dice fraction_simplification gcd gsm_symbolic intermediate_integration lcm leg_counting number_format
        number_sequence polynomial_equations power_function prime_factorization products puzzle24
        simple_equations simple_geometry simple_integration time_intervals
    """,
    "planning": """
        jugs quantum_lock sokoban
    """,
    "reasoning": """
        acre aiw arc_1d arc_agi circuit_logic color_cube_rotation cryptarithm family_relationships kakurasu
        knights_knaves mahjong_puzzle maze mini_sudoku modulo_grid n_queens rearc self_reference sudoku survo
        tsumego zebra_puzzles
    """,
    "rewriting": """
        caesar_cipher letter_jumble palindrome_generation sentence_reordering spell_backward
    """,
}
USABLE: Mapping[str, str] = {name: category for category, names in _BY_CATEGORY.items() for name in names.split()}

# Other answers than the reference are right too (another path, order or form), which only the family's own check can tell: a
# row without an answer key is better than a key that calls right answers wrong.
MANY_ANSWERS = frozenset(
    {
        "countdown", "cryptarithm", "group_anagrams", "intermediate_integration", "jugs", "kakurasu",
        "n_queens", "palindrome_generation", "palindrome_partitioning", "polynomial_equations", "puzzle24",
        "quantum_lock", "sentence_reordering", "shortest_path", "simple_integration", "sokoban", "survo",
    }
)  # fmt: skip
