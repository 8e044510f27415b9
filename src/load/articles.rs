//! Kinds of shops and what they sell. Prices are a starting point in euro cents, tax included.

use super::country::Vat;

/// A kind of shop.
#[derive(Debug, PartialEq, Eq)]
pub struct Shop {
    /// What a sign above the door would say.
    pub sign: &'static str,
    /// What is sold there.
    pub articles: &'static [Article],
}

/// Every kind of shop; the first one sells the cheapest baskets.
pub static SHOPS: [Shop; 6] = [
    Shop { sign: "Grocery", articles: GROCERY },
    Shop { sign: "Bistro", articles: RESTAURANT },
    Shop { sign: "Pharmacy", articles: PHARMACY },
    Shop { sign: "Electronics", articles: ELECTRONICS },
    Shop { sign: "Clothing", articles: CLOTHING },
    Shop { sign: "Hardware", articles: HARDWARE },
];

/// The deposit on a bottle, which is brought back as often as it is paid.
pub const DEPOSIT: Article =
    Article { id: "DEP-0025", name: "Deposit", euro_cents: 25, measure: Measure::Piece, vat: Vat::Standard };

/// How an article is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// By the piece: unit code C62.
    Piece,
    /// By weight in kilograms with three decimals: unit code KGM.
    Weight,
}

/// Something that is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Article {
    /// Article number.
    pub id: &'static str,
    /// What the receipt says.
    pub name: &'static str,
    /// Usual price of a piece or kilogram, euro cents, tax included.
    pub euro_cents: i64,
    /// How it is counted.
    pub measure: Measure,
    /// How it is taxed.
    pub vat: Vat,
}

impl Measure {
    /// The unit code (UN/ECE Recommendation 20).
    #[must_use]
    pub fn unit_code(self) -> &'static str {
        match self {
            Self::Piece => "C62",
            Self::Weight => "KGM",
        }
    }
}

/// Cash out of a machine: one line without tax.
pub const CASH: Article = piece("CASH-01", "Cash withdrawal", 100, Vat::Standard);

const fn piece(id: &'static str, name: &'static str, euro_cents: i64, vat: Vat) -> Article {
    Article { id, name, euro_cents, measure: Measure::Piece, vat }
}

const fn weight(id: &'static str, name: &'static str, euro_cents: i64) -> Article {
    Article { id, name, euro_cents, measure: Measure::Weight, vat: Vat::Food }
}

const GROCERY: &[Article] = &[
    piece("GRO-0101", "Rye bread 750 g", 289, Vat::Food),
    piece("GRO-0102", "Whole milk 1 l", 139, Vat::Food),
    piece("GRO-0103", "Oat drink 1 l", 219, Vat::Food),
    piece("GRO-0104", "Free-range eggs, 10", 349, Vat::Food),
    piece("GRO-0105", "Salted butter 250 g", 279, Vat::Food),
    piece("GRO-0106", "Filter coffee 500 g", 749, Vat::Food),
    piece("GRO-0107", "Spaghetti 500 g", 129, Vat::Food),
    piece("GRO-0108", "Chopped tomatoes 400 g", 99, Vat::Food),
    piece("GRO-0109", "Dark chocolate 100 g", 199, Vat::Food),
    piece("GRO-0110", "Mineral water 6 x 1.5 l", 419, Vat::Food),
    weight("GRO-0201", "Apples, loose", 279),
    weight("GRO-0202", "Bananas, loose", 189),
    weight("GRO-0203", "Potatoes, loose", 149),
    weight("GRO-0204", "Salmon fillet", 2_490),
    weight("GRO-0205", "Mountain cheese", 1_990),
    weight("GRO-0206", "Minced beef", 1_190),
    piece("GRO-0301", "Dish soap 500 ml", 189, Vat::Standard),
    piece("GRO-0302", "Toilet paper, 8 rolls", 429, Vat::Standard),
    piece("GRO-0303", "Laundry powder 1.5 kg", 699, Vat::Standard),
];

const RESTAURANT: &[Article] = &[
    piece("RES-0101", "Espresso", 260, Vat::Meal),
    piece("RES-0102", "Cinnamon bun", 340, Vat::Meal),
    piece("RES-0103", "Soup of the day", 790, Vat::Meal),
    piece("RES-0104", "Fish and potatoes", 1_890, Vat::Meal),
    piece("RES-0105", "Vegetable curry", 1_490, Vat::Meal),
    piece("RES-0106", "Burger and fries", 1_690, Vat::Meal),
    piece("RES-0107", "Children's pasta", 890, Vat::Meal),
    piece("RES-0108", "Ice cream, two scoops", 450, Vat::Meal),
    piece("RES-0201", "Draught beer 0.5 l", 620, Vat::Standard),
    piece("RES-0202", "House wine 0.2 l", 690, Vat::Standard),
    piece("RES-0203", "Apple spritzer 0.4 l", 410, Vat::Standard),
];

const PHARMACY: &[Article] = &[
    piece("PHA-0101", "Paracetamol 500 mg, 20", 495, Vat::Medicine),
    piece("PHA-0102", "Ibuprofen 400 mg, 20", 695, Vat::Medicine),
    piece("PHA-0103", "Nasal spray 10 ml", 545, Vat::Medicine),
    piece("PHA-0104", "Cough syrup 100 ml", 895, Vat::Medicine),
    piece("PHA-0105", "Allergy tablets, 30", 1_150, Vat::Medicine),
    piece("PHA-0201", "Plasters, 40", 395, Vat::Standard),
    piece("PHA-0202", "Sun lotion 200 ml", 1_690, Vat::Standard),
    piece("PHA-0203", "Hand cream 75 ml", 595, Vat::Standard),
    piece("PHA-0204", "Toothpaste 75 ml", 345, Vat::Standard),
    piece("PHA-0205", "Vitamin D, 90", 1_290, Vat::Standard),
];

const ELECTRONICS: &[Article] = &[
    piece("ELE-0101", "AA batteries, 4", 599, Vat::Standard),
    piece("ELE-0102", "USB-C cable 2 m", 1_499, Vat::Standard),
    piece("ELE-0103", "Phone charger 30 W", 2_499, Vat::Standard),
    piece("ELE-0104", "Memory card 128 GB", 1_899, Vat::Standard),
    piece("ELE-0105", "Wireless mouse", 2_999, Vat::Standard),
    piece("ELE-0106", "LED bulb E27", 549, Vat::Standard),
    piece("ELE-0107", "In-ear headphones", 4_999, Vat::Standard),
    piece("ELE-0108", "Electric kettle", 3_999, Vat::Standard),
    piece("ELE-0109", "Desk lamp", 3_499, Vat::Standard),
    piece("ELE-0110", "Wi-Fi router", 8_999, Vat::Standard),
];

const CLOTHING: &[Article] = &[
    piece("CLO-0101", "Socks, 3 pairs", 999, Vat::Standard),
    piece("CLO-0102", "T-shirt", 1_499, Vat::Standard),
    piece("CLO-0103", "Wool hat", 1_999, Vat::Standard),
    piece("CLO-0104", "Jeans", 5_999, Vat::Standard),
    piece("CLO-0105", "Rain jacket", 8_999, Vat::Standard),
    piece("CLO-0106", "Knitted jumper", 4_999, Vat::Standard),
    piece("CLO-0107", "Trainers", 7_999, Vat::Standard),
    piece("CLO-0108", "Leather belt", 2_999, Vat::Standard),
    piece("CLO-0109", "Scarf", 2_499, Vat::Standard),
];

const HARDWARE: &[Article] = &[
    piece("HAR-0101", "Wood screws, 100", 799, Vat::Standard),
    piece("HAR-0102", "Claw hammer", 1_599, Vat::Standard),
    piece("HAR-0103", "Wall paint 5 l", 3_299, Vat::Standard),
    piece("HAR-0104", "Paint roller", 699, Vat::Standard),
    piece("HAR-0105", "Masking tape 50 m", 399, Vat::Standard),
    piece("HAR-0106", "Cordless screwdriver", 5_999, Vat::Standard),
    piece("HAR-0107", "Sandpaper, 10 sheets", 549, Vat::Standard),
    piece("HAR-0108", "Flower pot 30 cm", 1_199, Vat::Standard),
    piece("HAR-0109", "Potting soil 40 l", 899, Vat::Standard),
    piece("HAR-0110", "Extension lead 5 m", 1_399, Vat::Standard),
];
