//! The words of the contact contracts: channels, themes, subjects, and what party records are made of. Judges nothing.

use crate::domain::enums::symbols;
use std::fmt;
use std::sync::LazyLock;

symbols! {
    /// How a person is to be contacted.
    Channel {
        /// A telephone call.
        Voice = "voice",
        /// By e-mail.
        Email = "email",
        /// By fax.
        Fax = "fax",
        /// A text message.
        Text = "text",
        /// A chat.
        Chat = "chat",
        /// A letter.
        Mail = "mail",
        /// On a screen of the lender's own.
        Gui = "gui",
        /// A document that is put at the person's disposal.
        Document = "document",
    }
}

impl Channel {
    /// Those that a person can opt out of.
    pub const ELECTRONIC: [Self; 4] = [Self::Text, Self::Email, Self::Fax, Self::Chat];
}

symbols! {
    /// Where an interaction took place.
    InteractionChannel {
        /// One that is not known here.
        Unrecognized = "unrecognized",
        /// The web.
        Web = "web",
        /// An app.
        Mobile = "mobile",
        /// A branch.
        Branch = "branch",
        /// A relationship manager.
        Rm = "rm",
        /// A contact centre.
        ContactCenter = "contact-center",
        /// E-mail.
        Email = "email",
        /// Text messages.
        Sms = "sms",
        /// A chat.
        Chat = "chat",
    }
}

symbols! {
    /// Why a person is contacted.
    Theme {
        /// Collection of a debt.
        CollDebt = "opsCollDebt",
        /// To find out where a borrower is.
        CollLocateBorrower = "opsCollLocateBorrower",
        /// To find out where a borrower works.
        CollVerifyEmployment = "opsCollVerifyEmployment",
        /// A notice to a borrower's employer.
        CollContactEmployerNotice = "opsCollContactEmployerNotice",
        /// That a debt is time-barred.
        LoanTimeBarredNotice = "opsLoanTimeBarredNotice",
        /// The notice by which a debt is validated.
        LoanValidationOfDebtNotice = "opsLoanValidationOfDebtNotice",
        /// Validation of a debt.
        ServicingDebtValidation = "opsServicingDebtValidation",
        /// That something negative is reported to a credit bureau.
        ServicingNegativeCreditReportNotice = "opsServicingNegativeCreditReportNotice",
        /// That a debt is time-barred.
        ServicingTimeBarredNotice = "opsServicingTimeBarredNotice",
        /// Verification of a debt.
        ServicingVerificationOfDebt = "opsServicingVerificationOfDebt",
        /// Servicing of a loan.
        Servicing = "opsServicing",
        /// Codes and passwords that the person has asked for.
        AccountCredentials = "opsAccountCredentials",
        /// The person misses something.
        InbMissingFeature = "inbMissingFeature",
        /// The person wants to know something.
        InbEducation = "inbEducation",
        /// The person reports a fault.
        InbBug = "inbBug",
        /// The person wants something.
        InbRequest = "inbRequest",
        /// The person praises.
        InbHumanLove = "inbHumanLove",
        /// Nobody knows why the person asks.
        InbUnknown = "inbUnknown",
        /// Something else that the person asks for.
        InbOther = "inbOther",
    }
}

impl Theme {
    /// Whether the person is who asks.
    #[must_use]
    pub fn is_inbound(self) -> bool {
        self.symbol().starts_with("inb")
    }
}

symbols! {
    /// Why a person is not to be contacted.
    CaseKind {
        /// Asked in writing not to be contacted.
        CeaseCommunication = "ceaseCommunication",
        /// Represented by an attorney.
        Attorney = "attorney",
        /// Not at work.
        Workplace = "workplace",
        /// Not by this medium.
        RefusedMedium = "refusedMedium",
        /// A reason of the lender's own.
        Own = "own",
        /// Bankrupt.
        Bankruptcy = "bankruptcy",
        /// Dead.
        Deceased = "deceased",
        /// On military duty.
        MilitaryDuty = "militaryDuty",
    }
}

impl CaseKind {
    /// Whether it tells the person's status rather than a wish.
    #[must_use]
    pub fn is_status(self) -> bool {
        matches!(self, Self::Bankruptcy | Self::Deceased | Self::MilitaryDuty)
    }
}

symbols! {
    /// What an account can be.
    Status {
        /// Written off.
        ChargedOff = "charged_off",
        /// Cancelled.
        Canceled = "canceled",
        /// Paid off.
        PaidOff = "paid_off",
        /// Frozen.
        Frozen = "frozen",
        /// Closed.
        Closed = "closed",
    }
}

/// Some statuses, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses(pub u8);

impl Statuses {
    /// A word that is none of them: nobody knows what it stands for.
    const UNKNOWN: u8 = 0x80;

    /// Of these words.
    #[must_use]
    pub fn of<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let bit = |word: &str| Status::from_symbol(word).map_or(Self::UNKNOWN, |status| 1 << status.index());
        Self(words.into_iter().fold(0, |all, word| all | bit(word)))
    }

    /// Whether one of the words was none of them.
    #[must_use]
    pub fn has_unknown(self) -> bool {
        self.0 & Self::UNKNOWN != 0
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Status> {
        Status::ALL.iter().copied().filter(move |status| self.0 & 1 << status.index() != 0)
    }
}

symbols! {
    /// What a contact is.
    ContactKind {
        /// A telephone number.
        Phone = "phone",
        /// An e-mail address.
        Email = "email",
        /// A postal address.
        Address = "address",
    }
}

/// The subjects of the contract: those of which our own settings say what theme they imply.
pub static SUBJECTS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let settings = include_str!("../../config/contact.toml");
    let section = settings.split("[contact.subjects]\n").nth(1).unwrap_or_default();
    section.lines().map_while(|line| line.split_once(" = ")).map(|(subject, _)| subject).collect()
});
